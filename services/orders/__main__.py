"""Builds orders and runs it until it is told to stop."""

from orders.app import create_app
from orders.auth import AuthClient
from orders.measures import Measures
from orders.publisher import Publisher
from vshop.kit.chaos_follower import follow
from vshop.kit.kafka_sender import Sender
from vshop.kit.kafka_topics import check_broker, ensure_topics
from vshop.kit.payloads import Payloads
from vshop.kit.program import run
from vshop.kit.server import HttpServer, stop_event
from vshop.kit.settings import load
from vshop.kit.telemetry import Telemetry


def main() -> None:
    """Run orders."""
    settings = load()
    stop = stop_event()
    payloads = Payloads(settings)
    telemetry = Telemetry("orders", payloads)
    telemetry.instrument_requests()
    chaos, follower = follow(settings, "orders")
    sender = Sender(settings, payloads, "orders")
    app = create_app(
        AuthClient(settings, chaos),
        Publisher(sender, settings.kafka_topic, chaos),
        Measures(),
        {"kafka": lambda: check_broker(sender, settings)},
        settings.trace_url,
        chaos,
    )
    telemetry.instrument_flask(app)
    with HttpServer(app, settings.host, settings.orders_port):
        ensure_topics(settings, stop)  # listening already: not ready until Kafka is, but alive
        stop.wait()
    follower.stop()
    sender.close()
    telemetry.shutdown()


if __name__ == "__main__":
    run(main)
