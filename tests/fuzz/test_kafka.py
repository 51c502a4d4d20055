import uuid

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from hypothesis import given, settings
from hypothesis import strategies as st

from vshop.kit.order import InvalidRecordError, NewOrder, decode_record

TOPIC = "queuing.retail_site.new_orders"
ITEM = 5
REPLAY_OF = "dlq.replay-of"  # a record may claim to be a replay of another order
LARGE = 1_046_000  # nearly as large as the broker accepts


def _order(order_id):
    return NewOrder(order_id=order_id, item_id=ITEM, username="ada", quantity=1, placed_at="2026-01-01T00:00:00.000Z").encode()


@st.composite
def _mutated(draw):
    body = bytearray(_order("mutated"))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(body)))
        body[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(body)


def _invalid(value):
    try:
        decode_record(value)
    except InvalidRecordError:
        return True
    return False


# Built when drawn, because Hypothesis prints what a strategy holds.
DEEP = st.just(5_000).map(lambda levels: b"[" * levels)
VALUES = (st.none() | st.binary(max_size=200) | _mutated() | DEEP | st.just(LARGE).map(lambda size: b"x" * size)).filter(_invalid)
NAMES = st.sampled_from(["traceparent", "tracestate", "baggage", REPLAY_OF, "dlq.error.type"]) | st.text(max_size=9).filter(
    lambda name: "\0" not in name and name.isprintable()
)
LONG = st.just(3_000).map(lambda times: b"a=" * times)
GARBAGE = LONG | st.sampled_from([b"00-" + b"f" * 32 + b"-" + b"0" * 16 + b"-zz", b"\xff\xfe", b"shop.chaos=,;=%ff", b"", b"7-7"])
CONTENTS = st.none() | GARBAGE | st.binary(max_size=99)
HEADERS = st.lists(st.tuples(NAMES, CONTENTS | st.just(900_000).map(lambda size: b"h" * size)), max_size=1) | st.lists(
    st.tuples(NAMES, CONTENTS), max_size=6
)
RECORDS = st.tuples(VALUES, st.none() | st.binary(max_size=30) | st.just(b"\xff\xfe"), HEADERS).filter(
    lambda record: len(record[0] or b"") + sum(len(content or b"") for _, content in record[2]) < LARGE + 500
)


class Topic:
    def __init__(self, bootstrap):
        self._producer = Producer({"bootstrap.servers": bootstrap, "message.max.bytes": 2_000_000})
        self._reader = Consumer({"bootstrap.servers": bootstrap, "group.id": "stock-updater", "enable.auto.commit": False})
        self.places = []

    def put(self, value, key, headers):
        self._producer.produce(TOPIC, value, key, headers=headers, on_delivery=self._put)

    def _put(self, error, message):
        assert error is None, error
        self.places.append((message.partition(), message.offset()))

    def flush(self):
        assert self._producer.flush(60) == 0

    def waiting(self):
        partitions = self._reader.list_topics(TOPIC, timeout=10).topics[TOPIC].partitions
        committed = self._reader.committed([TopicPartition(TOPIC, number) for number in partitions], timeout=10)
        return sum(self._reader.get_watermark_offsets(place, timeout=10)[1] - max(place.offset, 0) for place in committed)

    def close(self):
        self._reader.close()


@pytest.fixture
def topic(shop):
    found = Topic(shop.addresses["kafka"])
    yield found
    found.close()


@pytest.mark.timeout(3600)
def test_each_record_is_handled_or_dead_lettered_once(shop, client, topic, examples, eventually):
    letters_before, before, good = len(client.dead_letters()), client.item(ITEM), []

    @settings(max_examples=min(examples, 300))  # many are large, and all dead letters are read at once
    @given(RECORDS)
    def write(record):
        value, key, headers = record
        topic.put(value, key, headers)
        good.append(str(uuid.uuid4()))
        kept = [(name, content) for name, content in headers if len(content or b"") < 10_000 and name != REPLAY_OF]
        topic.put(_order(good[-1]), key, kept)
        topic.flush()

    write()
    eventually(lambda: topic.waiting() == 0, 60 + len(good) / 5)

    after, letters = client.item(ITEM), client.dead_letters()[letters_before:]
    assert (before["stock"] - after["stock"], after["ordered"] - before["ordered"]) == (len(good), len(good))
    bad = sorted((letter["partition"], letter["offset"]) for letter in letters)
    assert (len(bad), len(set(bad))) == (len(good), len(good))
    assert set(bad) <= set(topic.places)
