"""Builds and runs stock-updater."""

from stock_updater.app import create_app
from stock_updater.consumer import OrderConsumer, StockMetrics
from stock_updater.dead_letters import DeadLetters
from stock_updater.lag import ConsumerLag
from stock_updater.membership import Membership
from stock_updater.positions import Positions
from stock_updater.stock import Stock
from stock_updater.table import StockTable
from vshop.kit.chaos import baggage
from vshop.kit.chaos.follower import follow
from vshop.kit.http import flush
from vshop.kit.http.same_origin import host_names
from vshop.kit.http.server import HttpServer, run_service, stop_event
from vshop.kit.kafka.connection import check_broker, ensure_topics, topic_id_reader
from vshop.kit.kafka.processing import Processing
from vshop.kit.kafka.sender import Sender
from vshop.kit.settings import load
from vshop.kit.telemetry import setup


def main() -> None:
    """Run stock-updater."""
    settings = load()
    stop = stop_event()
    telemetry = setup.start("stock-updater", settings)
    telemetry.instrument_dynamodb()
    chaos, follower = follow(settings, "stock-updater")
    sender = Sender(settings, telemetry.payloads, "stock-updater", own_spans=telemetry.own_spans)
    table = StockTable(settings, chaos)
    dead_letters = DeadLetters(settings, sender, table)
    stock = Stock(table, settings.write_attempts, stop)
    lag = ConsumerLag(settings, stop)
    processing = Processing(settings, telemetry.payloads, own_spans=telemetry.own_spans)
    positions = Positions(table, topic_id_reader(settings))
    membership = Membership(settings, positions, lag, stop)
    consumer = OrderConsumer(settings, processing, stock, dead_letters, StockMetrics(), lag, positions, membership, stop, chaos)
    checks = {"kafka": lambda: check_broker(sender, settings), "dynamodb": table.check, "group": membership.check}
    checks |= {"orders": consumer.check_waiting, **telemetry.checks}
    app = create_app(table, dead_letters, lag, checks, host_names(settings.allowed_hosts))
    telemetry.instrument_flask(app)
    baggage.read_requests(app)
    flush.install(app, "stock-updater", telemetry.flush, lag.wait_processed)
    with HttpServer(app, settings.host, settings.stock_port, threads=8):
        ensure_topics(settings, stop)  # the server listens already: alive, and not ready until Kafka and DynamoDB are
        table.ensure(stop)
        lag.observe()
        consumer.run()  # until stop is set
    follower.stop()
    sender.close()
    telemetry.shutdown()


if __name__ == "__main__":
    run_service(main, "stock-updater")
