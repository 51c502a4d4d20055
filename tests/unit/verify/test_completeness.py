import msgspec
import pytest

from vshop.incidents.verify import verify
from vshop.incidents.verify.context import CALM_PARTIAL_S, CALM_S, UNPROCESSED_S, Observer
from vshop.incidents.verify.observation import all_whole


@pytest.fixture
def observer(shop):
    return Observer(shop, shop, shop.clock)


def test_a_flushed_shop_is_verified_without_waiting(incident, shop):
    shop.can_flush = True
    began = shop.clock.now()

    verdict = verify(incident, shop, shop, clock=shop.clock)

    assert verdict.failed == []
    assert (verdict.completeness.by, verdict.completeness.reason) == ("flush", "")
    assert shop.clock.now() == began


def test_the_verdict_names_the_calm_window_and_its_reason(incident, shop):
    verdict = verify(incident, shop, shop, clock=shop.clock)

    assert verdict.verified
    assert msgspec.to_builtins(verdict.completeness) == {"by": "calm window", "reason": "orders cannot flush"}


def test_a_flush_delivers_buffered_spans(shop, observer, broken, entry):
    """Forbidden spans can be judged at once, because nothing arrives later."""
    shop.can_flush = True
    shop.effects["orders-break"] = broken._replace(late_spans=lambda trace: [entry(trace, "OK")], late_delay_s=60)
    shop.on.append("orders-break")

    (observation,) = observer.observe_when_complete([shop.place_order()], all_whole)

    assert [seen.span.status for seen in observation.spans] == ["ERROR", "OK"]
    assert observer.complete


def test_a_record_that_stays_unprocessed_ends_the_wait_once_enough_is_seen(shop, observer):
    shop.can_flush, shop.unprocessed = True, 1
    began = shop.clock.now()

    observer.observe_when_complete([shop.place_order()], lambda _observations: True)

    assert shop.clock.now() - began == pytest.approx(UNPROCESSED_S)
    assert not observer.complete
    assert observer.completeness.reason == "1 not processed"


def test_an_unprocessed_record_is_waited_for_while_too_little_is_seen(shop, observer):
    shop.can_flush, shop.unprocessed = True, 1
    looks = []

    def enough(observations):
        looks.append(observations)
        shop.unprocessed = 0 if len(looks) == 2 else 1
        return False

    observer.observe_when_complete([shop.place_order()], enough, timeout_s=30)

    assert len(looks) == 2
    assert observer.complete


@pytest.mark.parametrize(("whole_trace", "calm_s"), [(True, CALM_S), (False, CALM_PARTIAL_S)])
def test_without_a_flush_a_whole_trace_is_complete_sooner_than_one_with_a_gap(shop, observer, whole_trace, calm_s, make_span):
    if not whole_trace:
        sent = [make_span("s", trace_id="trace1", kind="PRODUCER", attributes={"messaging.destination.name": "orders"})]
        shop.effects[None] = shop.effects[None]._replace(spans=lambda _trace: sent)
    began = shop.clock.now()

    observer.observe_when_complete([shop.place_order()], lambda _observations: True)

    assert calm_s <= shop.clock.now() - began <= calm_s + 0.5
