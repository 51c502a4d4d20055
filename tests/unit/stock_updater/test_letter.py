"""Which record a dead letter is about."""

import pytest

from stock_updater.letter import origin, replay_of
from vshop.kit.kafka_record import Record


@pytest.mark.parametrize(("given", "taken"), [(b"0-17", "0-17"), (b"x" * 400_000, None), (b"\xff", None), (b"7 ", None)])
def test_only_a_letters_id_is_kept_for_a_replay(given, taken):
    """Anything else would stand in the item for ever, until DynamoDB takes it no more."""
    assert replay_of(Record("orders", 1, 5, None, None, [("dlq.replay-of", given)], 0)) == taken


@pytest.mark.parametrize(
    ("headers", "about"),
    [
        ({"dlq.partition": b"3", "dlq.offset": b"17"}, "3-17"),
        ({"dlq.partition": b"3", "dlq.offset": b"40", "dlq.replay-of": b"3-17"}, "3-17"),
        ({"dlq.partition": b"x", "dlq.offset": b"\xff"}, "1-5"),
        ({}, "1-5"),
    ],
    ids=["a record", "a replay that failed", "nonsense", "a letter from elsewhere"],
)
def test_a_letter_is_about_the_record_that_failed_first(headers, about):
    """However many letters there are about it."""
    assert origin(Record("orders.dlq", 1, 5, None, None, list(headers.items()), 0)) == about
