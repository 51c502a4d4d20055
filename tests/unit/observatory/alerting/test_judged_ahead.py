import pytest

START_S = 1_790_000_000


@pytest.fixture
def state(alerts):
    def ask(rule="orders-not-handled", **query):
        return [(row["state"], row["value"]) for row in alerts(rule, at_s=1, **query)]

    return ask


def test_a_grace_period_need_not_be_waited_out(order, state):
    order()

    assert state() == [("pending", 0)]
    assert state(since=START_S, at=START_S + 60) == [("firing", 1)]


def test_an_order_that_was_processed_does_not_fire_later_either(order, handle, state):
    order()
    handle()

    assert state(since=START_S, at=START_S + 60) == [("inactive", 0)]


def test_only_the_traces_that_are_named_are_judged(order, handle, state):
    order(1)
    order(2)
    handle(2)
    first, second = f"{1:032x}", f"{2:032x}"

    assert state(since=START_S, at=START_S + 60, traceId=first) == [("firing", 1)]
    assert state(since=START_S, at=START_S + 60, traceId=second) == [("inactive", 0)]
    assert state(since=START_S, at=START_S + 60, traceId=[first, second]) == [("firing", 1)]


@pytest.mark.parametrize("query", [{"at": "soon"}, {"traceId": "xyz"}])
def test_a_value_that_cannot_be_read_is_refused(client, query):
    answer = client.get("/api/alerts", query_string=query)

    assert (answer.status_code, answer.get_json()["field"]) == (400, next(iter(query)))
