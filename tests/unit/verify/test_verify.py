"""A verification as a whole: what makes it fail, and that the shop is clean after it, however it ended."""

import pytest

from vshop.client import ShopError
from vshop.verify import verify


def run(incident, shop, **options):
    """Verify on the fake shop."""
    return verify(incident, shop, shop, pace=shop.pace, **options)


def failures(verdict):
    """Say each check that failed."""
    return [f"{check.phase}: {check.what}: {check.seen}" for check in verdict.failed]


def test_what_is_as_its_file_says_is_verified(incident, shop):
    """All phases pass, each in its turn."""
    phases: list[str] = []

    verdict = run(incident, shop, watch=lambda phase, _checks: phases.append(phase))

    assert failures(verdict) == []
    assert verdict.verified
    assert phases == ["clean", "on", "off", "clean again"]
    assert shop.calls == ["on orders-break", "off orders-break"]


def test_the_verdict_names_the_culprit_span_and_the_traces(incident, shop):
    """The second order was sent while the incident was on."""
    verdict = run(incident, shop)

    assert verdict.trace_ids == ["trace2"]
    assert [(one.trace_id, one.span_id) for one in verdict.culprits] == [("trace2", "trace2e")]
    assert verdict.on_at is not None
    assert verdict.off_at is not None
    assert verdict.on_at < verdict.off_at


def test_an_incident_whose_site_is_gone_fails(incident, shop, broken):
    """Switched on, nothing happens: every difference is told, the closest span with what it lacks."""
    shop.happens["orders-break"] = shop.happens[None]

    verdict = run(incident, shop)

    assert not verdict.verified
    assert "on: span bad: closest is orders SERVER POST /orders: status UNSET ≠ ERROR" in failures(verdict)
    assert "on: answer: status 202 ≠ 500; detail is missing (expected broken)" in failures(verdict)
    assert "on: metric: by 0, from 0 to 0" in failures(verdict)
    assert "on: alert: inactive" in failures(verdict)
    assert shop.on == []


def test_an_expectation_that_holds_on_the_clean_shop_is_invalid(shop, make_incident):
    """It would be met with and without the incident; it is not even switched on."""
    incident = make_incident(expect={"spans": [{"as": "bad", "service.name": "orders", "rootCause": True}]})

    verdict = run(incident, shop)

    assert failures(verdict) == ["clean: expect on the clean shop: it holds already: it says nothing about the incident"]
    assert shop.calls == []


def test_numbers_alone_may_tell_an_incident_from_the_clean_shop(shop, make_incident):
    """Where all spans are the same, a metric that moves makes the difference."""
    expect = {
        "spans": [{"as": "bad", "service.name": "orders", "rootCause": True}],
        "metrics": [{"name": "shop.errors", "moves": "up"}],
    }

    assert run(make_incident(expect=expect), shop).verified


def test_a_shop_that_is_not_clean_before_is_told(incident, shop, entry):
    """A red span on the clean shop is no ground to verify on."""
    shop.happens[None] = shop.happens[None]._replace(spans=lambda trace: [entry(trace, "ERROR")])

    assert failures(run(incident, shop)) == ["clean: trace: orders SERVER POST /orders is an error"]
    assert shop.calls == []


def test_a_shop_that_stays_broken_fails(incident, shop):
    """An incident that leaves something behind is not verified."""

    def switch_off(_incident):
        shop.on.clear()
        shop.happens[None] = shop.happens["orders-break"]
        return {}

    shop.switch_off = switch_off

    assert {"clean again"} == {check.phase for check in run(incident, shop).failed}


def test_nothing_is_verified_while_something_else_is_on(incident, shop):
    """Another switch would mix with what is seen."""
    shop.on.append("stock-slow-write")

    assert failures(run(incident, shop)) == ["clean: switches: stock-slow-write"]
    assert shop.orders == 0


@pytest.mark.parametrize("step", ["switch_on", "alerts", "dead_letters"])
def test_an_interrupted_run_switches_off(shop, monkeypatch, step, make_incident):
    """Ctrl-C at any moment after the switch leaves nothing on."""
    incident = make_incident(symptom={"shopper": "500", "deadLetters": 0})

    def interrupt(*_arguments, **_options):
        shop.on.append("orders-break") if step == "switch_on" else None
        raise KeyboardInterrupt

    monkeypatch.setattr(shop, step, interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(incident, shop)

    assert shop.on == []
    assert shop.calls[-1] == "off orders-break"


def test_a_part_that_cannot_be_reached_is_a_failed_check(incident, shop, monkeypatch):
    """A verification of many goes on with the next one."""

    def refuse(_since):
        raise ShopError("orders cannot be reached", hop="orders")

    monkeypatch.setattr(shop, "alerts", refuse)

    assert failures(run(incident, shop)) == ["on: the shop: orders cannot be reached"]
    assert shop.on == []


def test_for_one_request_it_is_on_by_baggage_alone(incident, shop):
    """The board is left alone; the login carries the baggage too, as tokens are made there."""
    verdict = run(incident, shop, scope="request")

    assert verdict.verified
    assert verdict.scope == "request"
    assert shop.calls == []
    assert shop.headers == [{}, {"baggage": "shop.chaos=orders-break"}, {}]
    assert shop.headers == shop.token_headers


def test_what_cannot_be_on_for_one_request_is_switched_on_for_all(shop, make_incident):
    """The scope that an incident does not allow is not forced on it."""
    incident = make_incident(switch={"services": ["orders"], "scope": ["global"]})

    assert run(incident, shop, scope="request").scope == "global"


def test_a_twin_without_a_switch_is_only_triggered(shop, make_incident, entry):
    """Nothing is switched, nothing clean is compared with, and no span is a culprit."""
    twin = make_incident(
        fault=False,
        harmless="It is so.",
        switch=None,
        rootCause=None,
        answer=None,
        steadyState=None,
        trigger={"order": {"itemId": 1}, "token": "none"},
        symptom={"shopper": "202", "status": 202, "stock": {"itemId": 1, "change": -1}},
        expect={"spans": [{"as": "entry", "service.name": "orders"}]},
    )

    verdict = run(twin, shop)

    assert verdict.verified
    assert verdict.scope == "none"
    assert verdict.culprits == []
    assert shop.token_headers == []
    assert shop.orders == 1


def test_a_span_that_comes_late_is_seen_before_the_trace_counts_as_quiet(shop, broken, make_incident, make_span):
    """`absent` is judged only once nothing new comes for a while."""
    shop.happens["orders-break"] = broken._replace(
        late_spans=lambda trace: [make_span(f"{trace}p", trace_id=trace, parent_id=f"{trace}e", kind="PRODUCER")], late_delay_s=0.45
    )
    verdict = run(make_incident(), shop)

    assert failures(verdict) == ["on: no such span: 1, the first is orders PRODUCER POST /orders"]


def test_an_order_counted_twice_is_told(shop, broken, incident):
    """Metrics are held against the very number."""
    shop.happens["orders-break"] = broken._replace(counts={"shop.errors": 2})

    assert failures(run(incident, shop)) == ["on: metric: by 2, from 0 to 2"]


def test_what_must_not_be_alerted_is_told(shop, broken, incident):
    """Alerts from before the switch do not count, those after do."""
    shop.happens["orders-break"] = broken._replace(firing=("orders-rejected", "order-slow"))

    assert failures(run(incident, shop)) == ["on: alert: firing"]


def test_dead_letters_are_replayed_in_recovery(shop, broken, make_incident):
    """The rollback that a file promises is carried out and checked."""
    shop.happens["orders-break"] = broken._replace(letters=1)
    recovery = {"replayDeadLetters": True, "stock": {"itemId": 1, "change": -1}}

    verdict = run(make_incident(recovery=recovery), shop)

    assert failures(verdict) == []
    assert shop.calls == ["on orders-break", "off orders-break", "replay 0-0"]


def test_a_recovery_that_does_not_come_is_told(shop, make_incident):
    """Stock that never moves after the switch is off."""
    incident = make_incident(recovery={"stock": {"itemId": 1, "change": -1}, "withinMs": 1000})

    assert failures(run(incident, shop)) == ["recovery: stock: by 0, from 99 to 99"]


@pytest.mark.parametrize(("judge", "verified"), [("every", False), ("last", True)])
def test_every_order_is_judged_unless_the_file_says_the_last(shop, judge, verified, make_incident):
    """Of two orders only the second breaks."""
    calls = iter([True, False] * 9)
    place_order = shop.place_order

    def place(*arguments, **options):
        on, shop.on = shop.on, [] if next(calls) else shop.on
        try:
            return place_order(*arguments, **options)
        finally:
            shop.on = on

    shop.place_order = place
    shop.happens[None] = shop.happens[None]._replace(stock=0)
    incident = make_incident(
        trigger={"order": {"itemId": 1}, "then": [{"waitMs": 500}, {"order": {"itemId": 1}}], "judge": judge},
        steadyState={"status": 202},
    )

    assert verified == run(incident, shop).verified
