import pytest

from tests.unit.verify.conftest import OrderEffect
from vshop.incidents.verify import verify
from vshop.shop.client import ShopError


def run(incident, shop, **options):
    return verify(incident, shop, shop, clock=shop.clock, **options)


def failures(verdict):
    return [f"{check.phase}: {check.what}: {check.seen}" for check in verdict.failed]


def test_incident_that_matches_its_file_is_verified(incident, shop):
    phases: list[str] = []

    verdict = run(incident, shop, on_phase=lambda phase, _checks: phases.append(phase))

    assert failures(verdict) == []
    assert verdict.verified
    assert phases == ["clean", "on", "off", "clean again"]
    assert shop.calls == ["on orders-break", "off orders-break"]


def test_the_verdict_names_the_culprit_span_and_the_traces(incident, shop):
    verdict = run(incident, shop)

    assert verdict.trace_ids == ["trace2"]
    assert [(one.trace_id, one.span_id) for one in verdict.culprits] == [("trace2", "trace2e")]
    assert verdict.on_at is not None
    assert verdict.off_at is not None
    assert verdict.on_at < verdict.off_at


def test_incident_without_effect_fails(incident, shop, broken):
    shop.effects["orders-break"] = shop.effects[None]

    verdict = run(incident, shop)

    assert not verdict.verified
    assert "on: span bad: closest is orders SERVER POST /orders: status UNSET ≠ ERROR" in failures(verdict)
    assert "on: answer: status 202 ≠ 500; detail is missing (expected broken)" in failures(verdict)
    assert "on: metric: by 0, from 0 to 0" in failures(verdict)
    assert "on: alert: inactive" in failures(verdict)
    assert shop.on == []


def test_an_expectation_that_holds_on_the_clean_shop_is_invalid(shop, make_incident):
    """It does not depend on the incident, so the incident is not switched on."""
    incident = make_incident(expect={"spans": [{"as": "bad", "service.name": "orders", "rootCause": True}]})

    verdict = run(incident, shop)

    assert failures(verdict) == ["clean: expect on the clean shop: it holds already: it says nothing about the incident"]
    assert shop.calls == []


def test_a_metric_alone_can_distinguish_incident_and_clean_shop(shop, make_incident):
    expect = {
        "spans": [{"as": "bad", "service.name": "orders", "rootCause": True}],
        "metrics": [{"name": "shop.errors", "moves": "up"}],
    }

    assert run(make_incident(expect=expect), shop).verified


def test_error_span_before_the_incident_fails_the_clean_phase(incident, shop, entry):
    shop.effects[None] = shop.effects[None]._replace(spans=lambda trace: [entry(trace, "ERROR")])

    assert failures(run(incident, shop)) == ["clean: trace: orders SERVER POST /orders is an error"]
    assert shop.calls == []


def test_a_shop_that_stays_broken_fails(incident, shop):
    def switch_off(_incident):
        shop.on.clear()
        shop.effects[None] = shop.effects["orders-break"]
        shop.lines.append({"incident": _incident, "state": "off"})
        return {}

    shop.switch_off = switch_off

    assert {"clean again"} == {check.phase for check in run(incident, shop).failed}


def test_nothing_is_verified_while_another_incident_is_on(incident, shop):
    shop.on.append("stock-slow-write")

    assert failures(run(incident, shop)) == ["clean: switches: stock-slow-write"]
    assert shop.orders == 0


@pytest.mark.parametrize("step", ["switch_on", "alerts", "dead_letters"])
def test_an_interrupted_run_switches_off(shop, monkeypatch, step, make_incident):
    incident = make_incident(symptom={"shopper": "500", "deadLetters": 0})

    def interrupt(*_arguments, **_options):
        shop.on.append("orders-break") if step == "switch_on" else None
        raise KeyboardInterrupt

    monkeypatch.setattr(shop, step, interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(incident, shop)

    assert shop.on == []
    assert shop.calls[-1] == "off orders-break"


def test_unreachable_part_is_a_failed_check(incident, shop, monkeypatch):
    def refuse(_since, **_options):
        raise ShopError("orders cannot be reached", hop="orders")

    monkeypatch.setattr(shop, "alerts", refuse)

    assert failures(run(incident, shop)) == ["on: the shop: orders cannot be reached"]
    assert shop.on == []


def test_request_scope_uses_only_baggage(incident, shop):
    """The login carries the baggage too, because auth-stub makes the tokens."""
    verdict = run(incident, shop, scope="request")

    assert verdict.verified
    assert verdict.scope == "request"
    assert shop.calls == []
    assert shop.headers == [{}, {"baggage": "shop.chaos=orders-break"}, {}]
    assert shop.headers == shop.token_headers


def test_global_incident_ignores_the_request_scope(shop, make_incident):
    incident = make_incident(switch={"services": ["orders"], "scope": ["global"]})

    assert run(incident, shop, scope="request").scope == "global"


def test_a_twin_without_a_switch_is_only_triggered(shop, make_incident, entry):
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


def test_late_span_is_observed_before_the_calm_window_ends(shop, broken, make_incident, make_span):
    shop.effects["orders-break"] = broken._replace(
        late_spans=lambda trace: [make_span(f"{trace}p", trace_id=trace, parent_id=f"{trace}e", kind="PRODUCER")], late_delay_s=0.45
    )
    verdict = run(make_incident(), shop)

    assert failures(verdict) == ["on: no such span: 1, the first is orders PRODUCER POST /orders"]


def test_metric_that_moves_too_far_fails(shop, broken, incident):
    shop.effects["orders-break"] = broken._replace(counts={"shop.errors": 2})

    assert failures(run(incident, shop)) == ["on: metric: by 2, from 0 to 2"]


def test_forbidden_alert_fails(shop, broken, incident):
    shop.effects["orders-break"] = broken._replace(firing=("orders-rejected", "order-slow"))

    assert failures(run(incident, shop)) == ["on: alert: firing"]


def test_dead_letters_are_replayed_in_recovery(shop, broken, make_incident):
    shop.effects["orders-break"] = broken._replace(letters=1)
    recovery = {"replayDeadLetters": True, "stock": {"itemId": 1, "change": -1}}

    verdict = run(make_incident(recovery=recovery), shop)

    assert failures(verdict) == []
    assert shop.calls == ["on orders-break", "off orders-break", "replay 0-0"]


def test_missing_recovery_fails(shop, make_incident):
    incident = make_incident(recovery={"stock": {"itemId": 1, "change": -1}, "withinMs": 1000})

    assert failures(run(incident, shop)) == ["recovery: stock: by 0, from 99 to 99"]


@pytest.mark.parametrize(("judge", "verified"), [("every", False), ("last", True)])
def test_every_order_is_judged_unless_the_file_says_the_last(shop, judge, verified, make_incident):
    calls = iter([True, False] * 9)
    place_order = shop.place_order

    def place(*arguments, **options):
        on, shop.on = shop.on, [] if next(calls) else shop.on
        try:
            return place_order(*arguments, **options)
        finally:
            shop.on = on

    shop.place_order = place
    shop.effects[None] = shop.effects[None]._replace(stock=0)
    incident = make_incident(
        trigger={"order": {"itemId": 1}, "then": [{"waitMs": 500}, {"order": {"itemId": 1}}], "judge": judge},
        steadyState={"status": 202},
    )

    assert verified == run(incident, shop).verified


@pytest.mark.parametrize("mode", ["none", "zero-code", "my-agent --quiet"])
def test_the_outcome_needs_no_span(incident, shop, mode):
    shop.telemetry = mode
    shop.effects = {name: effect._replace(spans=lambda _trace: [], counts={}, firing=()) for name, effect in shop.effects.items()}

    verdict = run(incident, shop)

    assert failures(verdict) == []
    assert (verdict.telemetry, verdict.telemetry_judged, verdict.verified) == (mode, False, True)
    assert {check.what for check in verdict.checks} == {"switches", "answer", "stock", "switch", "journal"}


def test_a_wrong_outcome_fails_without_telemetry(incident, shop, broken):
    shop.telemetry = "none"
    shop.effects["orders-break"] = broken._replace(status=202, stock=-1)

    assert [check.what for check in run(incident, shop).failed] == ["answer", "stock"]


def test_dead_letters_are_found_by_order_id(shop, make_incident):
    shop.telemetry = "none"
    wanted = {"shopper": "202", "status": 202, "stock": {"itemId": 1, "change": 0}, "deadLetters": 1}
    shop.effects["orders-break"] = OrderEffect(letters=1)
    untraced = [{"id": "9-9", "traceId": None, "value": '{"orderId": "another"}'}]
    shop.dead_letters = lambda: [*untraced, *(letter | {"traceId": None} for letter in shop.letters)]

    assert failures(run(make_incident(symptom=wanted), shop)) == []


def test_a_switch_that_the_journal_misses_fails(incident, shop):
    shop.journal = lambda: [line for line in shop.lines if line["state"] == "on"]

    assert failures(run(incident, shop)) == ["off: journal: on"]
