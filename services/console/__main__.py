"""Builds the console and runs it until it is told to stop."""

from pathlib import Path
from urllib.parse import urlsplit

from console.app import create_app
from console.board import Board
from console.expiry import Expiry
from console.journal import Journal
from console.listed import from_catalogue
from console.page.host_metrics import HostMetrics
from console.page.install import install
from console.programs.install import install as install_for_programs
from console.programs.verify_runs import VerifyRuns
from vshop.incidents.loader import load_catalogue
from vshop.kit import logs
from vshop.kit.program import run
from vshop.kit.server import HttpServer, stop_event
from vshop.kit.settings import load

THREADS = 64
"""Each instance that follows holds one; see ``Board``'s ``held_polls``, which leaves the others to whoever turns switches."""


def main() -> None:
    """Run the console. It exports no telemetry: what it knows would give the incidents away."""
    settings = load()
    logs.install("console")
    stop = stop_event()
    journal = Journal(Path(settings.journal) if settings.journal else None)
    catalogue = load_catalogue()
    board = Board(from_catalogue(catalogue), journal, ack_timeout_s=settings.ack_timeout_s, held_polls=THREADS - 16)
    names = [settings.host, urlsplit(settings.console_url).hostname or ""]
    app = create_app(board, journal, names)
    host = HostMetrics()
    install(app, settings, board, catalogue, host, names)
    runs = VerifyRuns(settings)
    install_for_programs(app, catalogue, journal, runs)
    # Runs end first: they switch off what they have on, by the server.
    with host, HttpServer(app, settings.host, settings.console_port, threads=THREADS), Expiry(board), runs:
        stop.wait()


if __name__ == "__main__":
    run(main)
