import pytest

from stock_updater.dead_letters import DeadLetterNotFoundError, DeadLetters
from vshop.kit.kafka.sender import Sender
from vshop.kit.order import InvalidRecordError
from vshop.kit.settings import Settings
from vshop.kit.telemetry.api import Payloads


def test_dead_letters_are_read_from_the_broker(broker, table, make_record):
    settings = Settings(kafka_bootstrap=broker, kafka_topic="letters")
    sender = Sender(settings, Payloads(settings), "tests")
    letters = DeadLetters(settings, sender, table)
    assert letters.all() == []
    for offset in (7, 8):
        letters.write(make_record(offset, headers=[("raw", b"\xff")]), InvalidRecordError("no order"))
    sender.close()

    found = letters.all()
    assert [(letter["offset"], letter["value"]) for letter in found] == [(n, make_record(n).value.decode()) for n in (7, 8)]
    assert [letters.show(letter["id"])["headers"]["dlq.offset"] for letter in found] == ["7", "8"]
    for nowhere in (f"{found[0]['id']}0", "9999999999-0", f"{found[0]['id'].split('-')[0]}-9999999999999999999", "first"):
        with pytest.raises(DeadLetterNotFoundError):
            letters.show(nowhere)
