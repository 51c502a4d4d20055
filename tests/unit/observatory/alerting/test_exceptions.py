"""Exceptions count once for each trace, by their type."""

import pytest

START_NS = 1_790_000_000_000_000_000


@pytest.fixture
def logged(client, exception):
    """Send a log record that carries an exception."""

    def send(kind, trace=1):
        record = {
            "timeUnixNano": str(START_NS),
            "severityNumber": 17,
            "body": {"stringValue": "failed"},
            "traceId": f"{trace:032x}" if trace else "",
            "attributes": exception(kind, attributes_only=True),
        }
        sent = {"resourceLogs": [{"resource": {}, "scopeLogs": [{"logRecords": [record]}]}]}
        assert client.post("/v1/logs", json=sent).status_code == 200

    return send


@pytest.fixture
def found(alerts):
    """Ask; returns the counts of what fires by type."""

    def ask():
        rows = alerts("errors-by-exception-type")
        return {row["labels"]["exception.type"]: row["value"] for row in rows if row["state"] == "firing"}

    return ask


def test_an_event_counts(send, span, exception, alerts):
    """The row names type, trace, and since when: the end of the span."""
    send(span(events=[exception("KeyError")]))
    (row,) = alerts("errors-by-exception-type")
    assert (row["state"], row["value"], row["labels"]) == ("firing", 1, {"exception.type": "KeyError"})
    assert [f"{1:032x}"] == row["traceIds"]
    assert row["since"] == "2026-09-21T14:13:20.001000000Z"


def test_a_log_record_counts(send, span, logged, found):
    """Where no span recorded the exception, the log record does."""
    send(span())
    logged("KeyError")
    assert found() == {"KeyError": 1}


def test_one_exception_of_one_trace_counts_once(send, span, exception, logged, found):
    """On several spans, twice on one, and on a log record that names the bare class: it is one."""
    event = exception("botocore.exceptions.ClientError")
    send(span(1, 1, events=[event]), span(1, 2, 1, events=[event, event]))
    logged("ClientError")
    assert found() == {"botocore.exceptions.ClientError": 1}


def test_types_count_apart_and_traces_add_up(send, span, exception, found):
    """Each type has its row, the greatest count first."""
    for trace in (1, 2):
        send(span(trace, events=[exception("KeyError"), exception("orders.Error")][: 3 - trace]))
    assert list(found().items()) == [("KeyError", 2), ("orders.Error", 1)]


def test_what_is_no_exception_of_a_trace_does_not_count(send, span, exception, logged, found):
    """Another event, an exception without a type, a record without a trace or of a trace that is not held."""
    send(span(events=[exception("KeyError") | {"name": "note"}, {"name": "exception"}]))
    logged("KeyError", trace=0)
    logged("KeyError", trace=99)
    assert found() == {}


@pytest.mark.parametrize(("threshold", "state"), [(2, "firing"), (3, "inactive")])
def test_it_fires_at_its_threshold(send, span, exception, alerts, tune, threshold, state):
    """Not below it; then the count is shown without labels."""
    tune("errors-by-exception-type", threshold=threshold)
    for trace in (1, 2):
        send(span(trace, at_us=trace, events=[exception("KeyError")]))
    (row,) = alerts("errors-by-exception-type")
    assert (state, 2) == (row["state"], row["value"])
    assert ("since" in row) == (state == "firing")


def test_ten_traces_are_named_the_newest_first(send, span, exception, alerts):
    """However many there are."""
    for trace in range(1, 13):
        send(span(trace, at_us=trace * 1_000, events=[exception("KeyError")]))
    (row,) = alerts("errors-by-exception-type")
    assert [f"{trace:032x}" for trace in range(12, 2, -1)] == row["traceIds"]
