import pytest

START_NS = 1_790_000_000_000_000_000


@pytest.fixture
def logged(client, exception):
    def send(kind, trace=1, service="orders"):
        record = {
            "timeUnixNano": str(START_NS),
            "severityNumber": 17,
            "body": {"stringValue": "failed"},
            "traceId": f"{trace:032x}" if trace else "",
            "attributes": exception(kind, attributes_only=True),
        }
        owner = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
        sent = {"resourceLogs": [{"resource": owner, "scopeLogs": [{"logRecords": [record]}]}]}
        assert client.post("/v1/logs", json=sent).status_code == 200

    return send


@pytest.fixture
def found(alerts):
    def ask():
        rows = alerts("errors-by-exception-type")
        return {row["labels"]["exception.type"]: row["value"] for row in rows if row["state"] == "firing"}

    return ask


def test_exception_event_fires_with_type_trace_and_time(send, span, exception, alerts):
    send(span(events=[exception("KeyError")]))
    (row,) = alerts("errors-by-exception-type")
    assert (row["state"], row["value"], row["labels"]) == ("firing", 1, {"exception.type": "KeyError"})
    assert [f"{1:032x}"] == row["traceIds"]
    assert row["since"] == "2026-09-21T14:13:20.001000000Z"


def test_exception_on_a_log_record_counts(send, span, logged, found):
    send(span())
    logged("KeyError")
    assert found() == {"KeyError": 1}


def test_one_exception_of_one_trace_counts_once(send, span, exception, logged, found):
    """The log record names the class without its module."""
    event = exception("botocore.exceptions.ClientError")
    send(span(1, 1, events=[event]), span(1, 2, 1, events=[event, event]))
    logged("ClientError")
    assert found() == {"botocore.exceptions.ClientError": 1}


def test_each_type_has_a_row_with_the_number_of_traces(send, span, exception, found):
    for trace in (1, 2):
        send(span(trace, events=[exception("KeyError"), exception("orders.Error")][: 3 - trace]))
    assert list(found().items()) == [("KeyError", 2), ("orders.Error", 1)]


def test_other_events_and_records_do_not_count(send, span, exception, logged, found):
    send(span(events=[exception("KeyError") | {"name": "note"}, {"name": "exception"}]))
    logged("KeyError", trace=0)
    logged("KeyError", trace=99)
    assert found() == {}


def test_exceptions_of_foreign_services_do_not_count(send, span, exception, logged, found):
    send(span(1, 1))
    send(span(1, 2, 1, events=[exception("TypeError")]), service="foreign")
    logged("TypeError", service="foreign")
    assert found() == {}


@pytest.mark.parametrize(("threshold", "state"), [(2, "firing"), (3, "inactive")])
def test_rule_fires_at_its_threshold(send, span, exception, alerts, tune, threshold, state):
    tune("errors-by-exception-type", threshold=threshold)
    for trace in (1, 2):
        send(span(trace, at_us=trace, events=[exception("KeyError")]))
    (row,) = alerts("errors-by-exception-type")
    assert (state, 2) == (row["state"], row["value"])
    assert ("since" in row) == (state == "firing")


def test_row_lists_the_ten_newest_traces(send, span, exception, alerts):
    for trace in range(1, 13):
        send(span(trace, at_us=trace * 1_000, events=[exception("KeyError")]))
    (row,) = alerts("errors-by-exception-type")
    assert [f"{trace:032x}" for trace in range(12, 2, -1)] == row["traceIds"]
