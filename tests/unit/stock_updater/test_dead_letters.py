import pytest
from opentelemetry import baggage, context, trace

from stock_updater.app import create_app
from stock_updater.dead_letters import DeadLetterNotFoundError, DeadLetters, record_id, replay_of
from stock_updater.item import RECENT, RecordPosition
from vshop.kit.kafka.record import Record, inject
from vshop.kit.kafka.sender import DeliveryError
from vshop.kit.order import InvalidRecordError, decode_record
from vshop.kit.settings import Settings

TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE}-b7ad6b7169203331-01"


class FakeSender:
    def __init__(self, limit=1_000_000):
        self.limit = limit
        self.sent = []

    def send(self, topic, value, key, headers):
        outgoing = inject(headers)
        if len(value or b"") + len(key or b"") + sum(len(content) for _, content in outgoing) > self.limit:
            raise DeliveryError("Broker: Message size too large", code="MSG_SIZE_TOO_LARGE", refused=True)
        self.sent.append(Record(topic, 2, len(self.sent), key, value, outgoing, 0))
        return self.sent[-1]


@pytest.fixture
def sender():
    return FakeSender()


@pytest.fixture
def letters(sender, table, monkeypatch):
    letters = DeadLetters(Settings(), sender, table)

    def read(only=None):
        found = [record for record in sender.sent if record.topic.endswith(".dlq")]
        return [record for record in found if only in (None, (record.partition, record.offset))]

    monkeypatch.setattr(letters, "_read", read)
    return letters


@pytest.fixture
def client(letters, table):
    return create_app(table, letters, None, {}).test_client()


@pytest.fixture
def error():
    with pytest.raises(InvalidRecordError) as caught:
        decode_record(b"{}")
    return caught.value


def test_a_dead_letter_is_the_record_with_its_error(letters, sender, make_record, error):
    letters.write(make_record(7, headers=[("shop", b"a"), ("shop", b"b"), ("raw", b"\xff")]), error)

    (letter,) = sender.sent
    assert (letter.topic, letter.key) == ("queuing.retail_site.new_orders.dlq", b"1")
    assert letter.value == make_record(7).value
    assert letter.headers[:3] == [("shop", b"a"), ("shop", b"b"), ("raw", b"\xff")]
    facts = dict(letter.headers)
    assert facts["dlq.error.type"] == b"InvalidRecordError"
    assert facts["dlq.error.message"] == b"the record is no order: Object missing required field `orderId`"
    assert b"Traceback" in facts["dlq.error.stacktrace"]
    assert (facts["dlq.topic"], facts["dlq.partition"], facts["dlq.offset"]) == (b"queuing.retail_site.new_orders", b"0", b"7")


def test_a_dead_letter_keeps_the_orders_trace_and_baggage(letters, sender, make_record, error):
    """The injected context belongs to the hop that dead-letters."""
    sent = [("traceparent", TRACEPARENT.encode()), ("tracestate", b"a=1"), ("baggage", b"tenant=7")]
    letters.write(make_record(7, headers=sent), error)

    facts = dict(sender.sent[0].headers)
    assert {name: facts[f"dlq.{name}"] for name, _ in sent} == dict(sent)
    assert letters.all()[0]["traceId"] == TRACE


@pytest.mark.parametrize("value", [None, b"", b"\xff{"], ids=["null", "empty", "bytes"])
def test_any_value_is_unchanged(letters, sender, make_record, error, value):
    letters.write(make_record(7, value), error)

    assert sender.sent[0].value == value
    assert letters.all()[0]["value"] in (None, "", "\\xff{")


def test_a_record_that_is_too_large_with_its_headers_is_cut(letters, sender, make_record, error):
    letters.write(make_record(7, b"x" * 999_900, [("shop", b"a")]), error)

    (letter,) = sender.sent
    assert letter.value == b"x" * 499_950
    assert letter.header("dlq.value.cut") == "999900"
    assert letter.header("shop") == "a"


def test_other_refusals_propagate(letters, sender, make_record, error):
    sender.limit = 0

    with pytest.raises(DeliveryError):
        letters.write(make_record(7, b""), error)


def test_a_replay_is_in_the_orders_own_trace(letters, sender, make_record, error):
    letters.write(make_record(7, headers=[("shop", b"a"), ("traceparent", TRACEPARENT.encode()), ("baggage", b"tenant=7")]), error)
    asking = baggage.set_baggage("asked", "by", trace.set_span_in_context(trace.INVALID_SPAN))
    token = context.attach(asking)
    try:
        answer = letters.replay("2-0")
    finally:
        context.detach(token)

    replayed = sender.sent[1]
    assert answer == {"id": "2-0", "replayed": True, "partition": 2, "offset": 1}
    assert (replayed.topic, replayed.key, replayed.value) == ("queuing.retail_site.new_orders", b"1", make_record(7).value)
    assert dict(replayed.headers) == {
        "shop": b"a",
        "dlq.replay-of": b"0-7",
        "traceparent": TRACEPARENT.encode(),
        "baggage": b"tenant=7",
    }
    assert context.get_current() == {}


@pytest.mark.parametrize("position", [RecordPosition(0, 3, "0-7"), RecordPosition(0, 3)], ids=["as replay", "as the order"])
def test_an_order_in_the_stock_is_not_replayed(letters, sender, table, make_record, make_order, error, position):
    letters.write(make_record(7), error)
    table.items["1"] = table.items["1"].after(make_order("o7"), position)

    assert letters.all()[0]["handled"] is True
    assert letters.replay("2-0") == {"id": "2-0", "replayed": False, "partition": None, "offset": None}
    assert len(sender.sent) == 1


def test_an_order_of_a_topic_that_was_created_again_is_replayed(letters, sender, table, make_record, make_order, error):
    """Its record has the id of one that was replayed before, on the old topic."""
    table.items["1"] = table.items["1"].after(make_order("of the old topic"), RecordPosition(0, 3, "0-7"))
    letters.write(make_record(7), error)

    assert letters.all()[0]["handled"] is False
    assert letters.replay("2-0")["replayed"] is True
    replayed = RecordPosition(0, 9, replay_of(sender.sent[1]), "topic-2")
    assert not table.items["1"].includes(make_order("o7"), replayed)


def test_a_failed_replay_is_another_dead_letter(letters, sender, make_record, error):
    letters.write(make_record(7, headers=[("traceparent", TRACEPARENT.encode())]), error)
    letters.replay("2-0")
    letters.write(sender.sent[1], error)

    assert [letter["id"] for letter in letters.all()] == ["2-0", "2-2"]
    assert letters.all()[1]["traceId"] == TRACE
    assert (letters.all()[1]["partition"], letters.all()[1]["offset"]) == (2, 1)


def test_several_dead_letters_of_one_order_count_once(letters, sender, table, make_record, make_order, error):
    """After a crash before the commit, or a failed replay; also if the item no longer stores the order id."""
    for _ in range(2):
        letters.write(make_record(7), error)
    letters.replay("2-0")
    letters.write(sender.sent[2], error)
    letters.replay("2-3")
    item = table.items["1"].after(make_order("o7"), RecordPosition(2, 4, replay_of(sender.sent[4])))
    for number in range(RECENT):
        item = item.after(make_order(f"other {number}", quantity=0), RecordPosition(2, 5 + number))
    table.items["1"] = item

    assert [letter["handled"] for letter in letters.all()] == [True] * 3
    assert [letters.replay(record_id(letter))["replayed"] for letter in letters._read()] == [False] * 3


@pytest.mark.parametrize(
    "headers",
    [[], [("dlq.offset", b"\xff"), ("dlq.partition", b"x"), ("traceparent", b"zz")], [("dlq.traceparent", b"")]],
    ids=["none", "nonsense", "empty"],
)
def test_a_foreign_record_on_the_topic_is_listed(client, sender, headers):
    sender.sent.append(Record("x.dlq", 2, 0, None, b'{"x":' + b"[" * 60_000, headers, 0))

    response = client.get("/dlq")

    assert response.status_code == 200
    assert [letter["offset"] for letter in response.get_json()["letters"]] == [-1]


def test_the_api_lists_shows_and_replays(client, letters, make_record, error):
    letters.write(make_record(7), error)

    assert client.get("/dlq").get_json()["letters"][0]["errorType"] == "InvalidRecordError"
    assert client.get("/dlq/2-0").get_json()["headers"]["dlq.offset"] == "7"
    assert client.post("/dlq/2-0/replay").get_json()["replayed"] is True


def test_a_failed_replay_is_a_problem(client, letters, sender, make_record, error):
    letters.write(make_record(7, b"{"), error)
    letters.write(make_record(8), error)
    sender.limit = 0

    answers = [client.post(f"/dlq/{letter}/replay") for letter in ("9-9", "2-0", "2-1")]

    assert [answer.status_code for answer in answers] == [404, 422, 503]
    assert {answer.mimetype for answer in answers} == {"application/problem+json"}
    assert answers[2].headers["Retry-After"]


def test_the_error_names_an_unknown_dead_letter(letters):
    with pytest.raises(DeadLetterNotFoundError, match=r"'77-0'; GET /dlq"):
        letters.show("77-0")


@pytest.mark.parametrize(
    ("value", "key", "headers"),
    [
        (b"x", b"1", [("note", b"h" * 999_990)]),
        (None, b"1", [("note", b"h" * 999_990)]),
        (b"x", b"k" * 999_990, []),
        (b"x", b"1", [("tracestate", b"t" * 999_990), ("baggage", b"b" * 999)]),
    ],
    ids=["headers", "headers of a tombstone", "key", "trace state"],
)
def test_large_headers_and_keys_are_cut(letters, sender, value, key, headers):
    letters.write(Record("orders", 1, 5, key, value, headers, 0), InvalidRecordError("no order"))

    letter = sender.sent[0]
    assert letter.header("dlq.error.message") == "no order"
    assert [letter.header(f"dlq.{what}.cut") for what in ("value", "key")] == [str(len(value or b"")), str(len(key))]
    assert letter.header("dlq.headers.cut") is not None
