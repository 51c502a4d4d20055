"""Builds and runs the console."""

from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

from console import api
from console.app import create_app, install_page, shop_addresses
from console.board.board import Board, expiring
from console.board.journal import Journal
from console.page.samplers import HostMetrics, Parts, repeating
from vshop.incidents.loader import load_catalogue
from vshop.kit.http.same_origin import host_names
from vshop.kit.http.server import HttpServer, run_service, stop_event
from vshop.kit.settings import load
from vshop.kit.telemetry import logs

THREADS = 64
"""A follower's poll holds a thread; ``held_polls`` keeps some free."""


def main() -> None:
    """Run it. It exports no telemetry, which would reveal the incidents."""
    settings = load()
    logs.install("console")
    stop = stop_event()
    journal = Journal(Path(settings.journal) if settings.journal else None)
    catalogue = load_catalogue()
    board = Board(catalogue, journal, ack_timeout_s=settings.ack_timeout_s, held_polls=THREADS - 16)
    names = [settings.host, urlsplit(settings.console_url).hostname or "", *host_names(settings.allowed_hosts)]
    app = create_app(board, journal, names, settings.cors_origins)
    host, parts = HostMetrics(), Parts(shop_addresses(settings))
    install_page(app, settings, board, (host, parts), names)
    runs = api.VerifyRuns(catalogue, shop_addresses(settings))
    app.register_blueprint(api.blueprint(catalogue, journal, runs))
    # A run ends before the server stops: it switches its incident off over HTTP.
    server = HttpServer(app, settings.host, settings.console_port, threads=THREADS, notice_disconnects=True)
    with repeating("host-metrics", host.sample), repeating("parts", parts.probe), server, expiring(board), closing(runs):
        stop.wait()


if __name__ == "__main__":
    run_service(main)
