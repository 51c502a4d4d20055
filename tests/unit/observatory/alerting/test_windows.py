"""What is asked for: a window, a rule; and how the answer looks."""

import pytest

SECOND_NS = 1_000_000_000
START_S = 1_790_000_000


@pytest.fixture
def count(alerts):
    """Ask how many orders were rejected."""
    return lambda at_s=10.0, **query: alerts("orders-rejected", at_s=at_s, **query)[0]["value"]


def test_an_answer_in_full(client, clock, order):
    """Times are RFC 3339; a row says what it means."""
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
                "windowSeconds": 60,
                "labels": {"http.response.status_code": "401"},
                "traceIds": [f"{1:032x}"],
                "since": "2026-09-21T14:13:20.100000000Z",
            }
        ],
    }


def test_without_since_a_rule_looks_back_over_its_own_window(order, count, client, tune):
    """Its begin belongs to it; the answer's window has no begin."""
    order(status=500, sent=False)
    assert [count(at_s=60), count(at_s=60.000001)] == [1, 0]
    tune("orders-rejected", window_s=61)
    assert count(at_s=60.000001) == 1
    assert client.get("/api/alerts").get_json()["window"]["since"] is None


@pytest.mark.parametrize(
    ("since_s", "until_s", "expected"), [(0, 5, 2), (1, 4, 2), (1.001, 4, 1), (1, 3.999, 1), (2, 3, 0), (4, 4, 1)]
)
def test_with_since_it_is_the_traces_that_began_in_the_window(order, count, since_s, until_s, expected):
    """Both limits belong to it; how long ago it was does not matter."""
    order(1, at_s=1, status=500, sent=False)
    order(2, at_s=4, status=500, sent=False)
    assert expected == count(at_s=9_999, since=f"{START_S + since_s:.3f}", until=f"{START_S + until_s:.3f}")


def test_until_alone_moves_a_rules_window(order, count):
    """It ends there."""
    order(status=500, sent=False)
    assert [count(at_s=9_999, until=START_S + seconds) for seconds in (60, 61)] == [1, 0]


@pytest.mark.parametrize("since", [str(START_S * SECOND_NS), str(START_S), "2026-09-21T14:13:20Z", "2026-09-21T16:13:20+02:00"])
def test_moments_in_any_notation(order, count, since):
    """Nanoseconds, seconds, RFC 3339 in any zone."""
    order(status=500, sent=False)
    assert count(at_s=9_999, since=since) == 1


def test_a_trace_belongs_to_the_window_by_its_first_span(order, handle, alerts, exception):
    """What fails later in it belongs to it too."""
    order()
    handle(at_s=5, status={"code": 2}, events=[exception("KeyError")])
    rows = alerts("errors-by-exception-type", since=START_S, until=START_S + 6)
    assert [row["value"] for row in rows] == [1]


def test_a_since_that_lies_ahead_finds_nothing(client):
    """The asker's clock may be a little fast."""
    answer = client.get(f"/api/alerts?since={START_S + 1}").get_json()
    assert answer["window"]["since"] == answer["window"]["until"] == "2026-09-21T14:13:21.000000000Z"
    assert {row["state"] for row in answer["alerts"]} == {"inactive"}


def test_several_rules_can_be_named(alerts):
    """They come in the order of the file."""
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
def test_a_parameter_that_cannot_be_used_is_named(client, query, field, said):
    """400, with what is wrong about it."""
    response = client.get(f"/api/alerts?{query}")
    assert (response.status_code, response.mimetype) == (400, "application/problem+json")
    problem = response.get_json()
    assert field == problem["field"]
    assert said in problem["detail"]
