import pytest

from stock_updater.dead_letters import original_record_id, replay_of
from vshop.kit.kafka.record import Record


@pytest.mark.parametrize(("given", "taken"), [(b"0-17", "0-17"), (b"x" * 400_000, None), (b"\xff", None), (b"7 ", None)])
def test_only_a_record_id_is_accepted_as_replay_header(given, taken):
    """The item would keep anything else for good, and outgrow DynamoDB's limit."""
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
def test_dead_letters_of_one_record_share_its_id(headers, about):
    assert original_record_id(Record("orders.dlq", 1, 5, None, None, list(headers.items()), 0)) == about
