"""Builds and runs auth-stub."""

from auth_stub.app import create_app
from auth_stub.tokens import Tokens
from vshop.kit.chaos import baggage
from vshop.kit.chaos.follower import follow
from vshop.kit.http import flush
from vshop.kit.http.server import HttpServer, run_service, stop_event
from vshop.kit.settings import load
from vshop.kit.telemetry import setup


def main() -> None:
    """Run auth-stub."""
    settings = load()
    stop = stop_event()
    telemetry = setup.start("auth-stub", settings)
    chaos, follower = follow(settings, "auth-stub")
    app = create_app(Tokens(settings, chaos), chaos, response_delay_s=1.5 * settings.auth_read_timeout_s)
    telemetry.instrument_flask(app)
    baggage.read_requests(app)
    flush.install(app, "auth-stub", telemetry.flush)
    with HttpServer(app, settings.host, settings.auth_port):
        stop.wait()
    follower.stop()
    telemetry.shutdown()


if __name__ == "__main__":
    run_service(main, "auth-stub")
