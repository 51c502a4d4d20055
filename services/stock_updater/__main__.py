"""Builds stock-updater and runs it until it is told to stop."""

from stock_updater.app import create_app
from stock_updater.consumer import OrderConsumer
from stock_updater.dead_letters import DeadLetters
from stock_updater.fresh_start import FreshStart
from stock_updater.lag import Lag
from stock_updater.measures import Measures, observe_lag
from stock_updater.stock import Stock
from stock_updater.table import StockTable
from vshop.kit.chaos_follower import follow
from vshop.kit.kafka_processing import Processing
from vshop.kit.kafka_sender import Sender
from vshop.kit.kafka_topics import check_broker, ensure_topics
from vshop.kit.payloads import Payloads
from vshop.kit.program import run
from vshop.kit.server import HttpServer, stop_event
from vshop.kit.settings import load
from vshop.kit.telemetry import Telemetry


def main() -> None:
    """Run stock-updater."""
    settings = load()
    stop = stop_event()
    payloads = Payloads(settings)
    telemetry = Telemetry("stock-updater", payloads)
    telemetry.instrument_dynamodb()
    chaos, follower = follow(settings, "stock-updater")
    sender = Sender(settings, payloads, "stock-updater")
    table = StockTable(settings, chaos)
    dead_letters = DeadLetters(settings, sender, table)
    stock = Stock(table, settings.write_attempts, stop)
    lag = Lag(settings)
    consumer = OrderConsumer(settings, Processing(settings, payloads), stock, dead_letters, Measures(), lag, stop, chaos)
    checks = {"kafka": lambda: check_broker(sender, settings), "dynamodb": table.check, "group": consumer.check_group}
    fresh_start = FreshStart(settings, table, dead_letters, lag.next_offsets, stop)
    app = create_app(table, dead_letters, fresh_start, checks)
    telemetry.instrument_flask(app)
    with HttpServer(app, settings.host, settings.stock_port, threads=8):
        ensure_topics(settings, stop)  # listening already: not ready until Kafka and DynamoDB are, but alive
        table.ensure(stop)
        observe_lag(lag.read, settings.kafka_topic, settings.kafka_group)
        consumer.run()  # until stop is set
    follower.stop()
    sender.close()
    telemetry.shutdown()


if __name__ == "__main__":
    run(main)
