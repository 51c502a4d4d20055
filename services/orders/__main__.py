"""Builds and runs orders."""

from orders.app import OrderMetrics, create_app
from orders.auth import AuthClient
from orders.publisher import Publisher
from vshop.kit.chaos import baggage
from vshop.kit.chaos.follower import follow
from vshop.kit.http import flush
from vshop.kit.http.server import HttpServer, run_service, stop_event
from vshop.kit.kafka.connection import check_broker, ensure_topics
from vshop.kit.kafka.sender import Sender
from vshop.kit.settings import load
from vshop.kit.telemetry import setup


def main() -> None:
    """Run orders."""
    settings = load()
    stop = stop_event()
    telemetry = setup.start("orders", settings)
    telemetry.instrument_requests()
    chaos, follower = follow(settings, "orders")
    sender = Sender(settings, telemetry.payloads, "orders", own_spans=telemetry.own_spans)
    app = create_app(
        AuthClient(settings, chaos),
        Publisher(sender, settings.kafka_topic, chaos),
        OrderMetrics(),
        {"kafka": lambda: check_broker(sender, settings), **telemetry.checks},
        settings.trace_url,
        chaos,
    )
    telemetry.instrument_flask(app)
    baggage.read_requests(app)
    flush.install(app, "orders", telemetry.flush)
    with HttpServer(app, settings.host, settings.orders_port):
        ensure_topics(settings, stop)  # the server listens already: alive, and not ready until Kafka is
        stop.wait()
    follower.stop()
    sender.close()
    telemetry.shutdown()


if __name__ == "__main__":
    run_service(main, "orders")
