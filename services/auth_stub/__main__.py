"""Builds auth-stub and runs it until it is told to stop."""

from auth_stub.app import create_app
from auth_stub.tokens import Tokens
from vshop.kit.chaos_follower import follow
from vshop.kit.payloads import Payloads
from vshop.kit.program import run
from vshop.kit.server import HttpServer, stop_event
from vshop.kit.settings import load
from vshop.kit.telemetry import Telemetry


def main() -> None:
    """Run auth-stub."""
    settings = load()
    stop = stop_event()
    telemetry = Telemetry("auth-stub", Payloads(settings))
    chaos, follower = follow(settings, "auth-stub")
    app = create_app(Tokens(settings, chaos), chaos, late_s=1.5 * settings.auth_read_timeout_s)
    telemetry.instrument_flask(app)
    with HttpServer(app, settings.host, settings.auth_port):
        stop.wait()
    follower.stop()
    telemetry.shutdown()


if __name__ == "__main__":
    run(main)
