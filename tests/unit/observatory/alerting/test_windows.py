import pytest

SECOND_NS = 1_000_000_000
START_S = 1_790_000_000


@pytest.fixture
def count(alerts):
    return lambda at_s=10.0, **query: alerts("orders-rejected", at_s=at_s, **query)[0]["value"]


def test_complete_response(client, clock, order):
    order(status=401, sent=False)
    clock.now_ns = (START_S + 10) * SECOND_NS
    answer = client.get(f"/api/alerts?since={START_S}&rule=orders-rejected").get_json()
    meaning = answer["alerts"][0].pop("meaning")
    assert "4xx" in meaning
    assert answer == {
        "evaluatedAt": "2026-09-21T14:13:30.000000000Z",
        "window": {"since": "2026-09-21T14:13:20.000000000Z", "until": "2026-09-21T14:13:30.000000000Z"},
        "alerts": [
            {
                "rule": "orders-rejected",
                "title": "Orders refused",
                "severity": "warning",
                "state": "firing",
                "value": 1,
                "threshold": 1,
                "unit": "orders",
                "windowSeconds": 60,
                "labels": {"http.response.status_code": "401"},
                "traceIds": [f"{1:032x}"],
                "since": "2026-09-21T14:13:20.100000000Z",
            }
        ],
    }


def test_default_window_is_the_rules(order, count, client, tune):
    order(status=500, sent=False)
    assert [count(at_s=60), count(at_s=60.000001)] == [1, 0]
    tune("orders-rejected", window_s=61)
    assert count(at_s=60.000001) == 1
    assert client.get("/api/alerts").get_json()["window"]["since"] is None


@pytest.mark.parametrize(
    ("since_s", "until_s", "expected"), [(0, 5, 2), (1, 4, 2), (1.001, 4, 1), (1, 3.999, 1), (2, 3, 0), (4, 4, 1)]
)
def test_since_and_until_are_inclusive(order, count, since_s, until_s, expected):
    order(1, at_s=1, status=500, sent=False)
    order(2, at_s=4, status=500, sent=False)
    assert expected == count(at_s=9_999, since=f"{START_S + since_s:.3f}", until=f"{START_S + until_s:.3f}")


def test_until_alone_moves_a_rules_window(order, count):
    order(status=500, sent=False)
    assert [count(at_s=9_999, until=START_S + seconds) for seconds in (60, 61)] == [1, 0]


@pytest.mark.parametrize("since", [str(START_S * SECOND_NS), str(START_S), "2026-09-21T14:13:20Z", "2026-09-21T16:13:20+02:00"])
def test_times_in_any_notation(order, count, since):
    order(status=500, sent=False)
    assert count(at_s=9_999, since=since) == 1


def test_first_span_decides_whether_a_trace_is_in_the_window(order, handle, alerts, exception):
    order()
    handle(at_s=5, status={"code": 2}, events=[exception("KeyError")])
    rows = alerts("errors-by-exception-type", since=START_S, until=START_S + 6)
    assert [row["value"] for row in rows] == [1]


def test_since_in_the_future_finds_nothing(client):
    answer = client.get(f"/api/alerts?since={START_S + 1}").get_json()
    assert answer["window"]["since"] == answer["window"]["until"] == "2026-09-21T14:13:21.000000000Z"
    assert {row["state"] for row in answer["alerts"]} == {"inactive"}


def test_requested_rules_keep_the_order_of_the_file(alerts):
    assert [row["rule"] for row in alerts(["order-slow", "orders-not-handled"])] == ["orders-not-handled", "order-slow"]


@pytest.mark.parametrize(
    ("query", "field", "said"),
    [
        ("since=yesterday", "since", "RFC 3339"),
        ("until=2026-13-01T00:00:00Z", "until", "month"),
        ("since=-1", "since", "RFC 3339"),
        (f"since={START_S + 1}&until={START_S}", "since", "later than until"),
        ("rule=order-slo", "rule", "did you mean order-slow?"),
        ("rule=xyz", "rule", "errors-by-exception-type, orders-not-handled"),
    ],
)
def test_invalid_parameter_returns_400_and_its_name(client, query, field, said):
    response = client.get(f"/api/alerts?{query}")
    assert (response.status_code, response.mimetype) == (400, "application/problem+json")
    problem = response.get_json()
    assert field == problem["field"]
    assert said in problem["detail"]
