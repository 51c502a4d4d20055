import itertools

import msgspec
import pytest

from vshop.incidents.patterns import Alerts
from vshop.incidents.verify.batch import BatchVerifier


class RecordedProgress:
    def __init__(self):
        self.begun = []
        self.phases = []

    def begin(self, incident):
        self.begun.append(incident)

    def phase(self, incident, phase, _checks):
        self.phases.append((incident, phase))

    def end(self, verdict):
        self.phases.append((verdict.incident, "end"))


@pytest.fixture
def progress():
    return RecordedProgress()


@pytest.fixture
def verifier(shop, progress, monkeypatch):
    monkeypatch.setattr("vshop.incidents.verify.run.Clock", lambda: shop.clock)
    shop.can_flush = True
    return BatchVerifier(shop=shop, traces=shop, progress=progress)


@pytest.fixture
def three(make_incident):
    return [make_incident(id=f"orders-break{suffix}") for suffix in ("", "-again", "-more")]


@pytest.fixture(autouse=True)
def breaks(shop, broken):
    shop.effects |= {"orders-break-again": broken, "orders-break-more": broken}


def test_in_sequence_the_final_clean_run_is_the_first_of_the_next_incident(verifier, three, shop):
    verdicts = list(verifier.in_sequence(three))

    assert [verdict.failed for verdict in verdicts] == [[], [], []]
    assert shop.orders == 3 + 2 + 2
    assert len({len(verdict.checks) for verdict in verdicts}) == 1, "a run that counts twice is in both verdicts"


def test_a_clean_run_with_another_trigger_is_not_reused(verifier, make_incident, shop):
    other = make_incident(id="orders-break-again", trigger={"order": {"itemId": 7}})

    list(verifier.in_sequence([make_incident(), other]))

    assert shop.orders == 3 + 3


def test_fail_fast_stops_at_the_first_failure(verifier, three, shop):
    shop.effects["orders-break"] = shop.effects[None]
    stopping = BatchVerifier(shop=verifier.shop, traces=verifier.traces, progress=verifier.progress, fail_fast=True)

    assert [verdict.verified for verdict in stopping.in_sequence(three)] == [False]


def test_incidents_of_the_same_item_are_verified_in_sequence(verifier, three, progress):
    list(verifier.in_parallel(three))

    ends = [progress.phases.index((incident.id, "end")) for incident in three]
    begins = [progress.phases.index((incident.id, "clean")) for incident in three]
    spans = sorted(zip(begins, ends, strict=True))
    assert all(end < begin for (_, end), (begin, _) in itertools.pairwise(spans))


def test_global_incidents_are_verified_last_and_alone(verifier, make_incident, progress, shop):
    everybody = make_incident(id="orders-break-more", switch={"services": ["orders"], "scope": ["global"]})

    verdicts = list(verifier.in_parallel([everybody, make_incident()]))

    assert progress.begun == ["orders-break", "orders-break-more"]
    assert [verdict.scope for verdict in verdicts] == ["request", "global"]
    assert shop.calls == ["on orders-break-more", "off orders-break-more"]


@pytest.fixture
def slow_in_parallel(shop, broken):
    def set_up(count):
        effects = itertools.chain(itertools.repeat(broken._replace(firing=("order-slow",)), count), itertools.repeat(broken))
        place = shop.place_order

        def place_order(*arguments, **named):
            shop.clock.sleep(0.001)
            if named.get("headers"):
                shop.effects["orders-break"] = next(effects)
            return place(*arguments, **named)

        shop.place_order = place_order

    return set_up


@pytest.mark.parametrize(("slow_orders", "verified"), [(1, True), (9, False)])
def test_a_duration_above_its_bound_is_judged_again_alone(
    slow_orders, verified, verifier, make_incident, slow_in_parallel, progress
):
    slow_in_parallel(slow_orders)
    expect = make_incident().expect
    limited = msgspec.structs.replace(
        make_incident(), expect=msgspec.structs.replace(expect, alerts=Alerts(not_firing=["order-slow"]))
    )

    verdicts = list(verifier.in_parallel([limited]))

    assert [verdict.verified for verdict in verdicts] == [verified]
    assert progress.begun == ["orders-break", "orders-break"]


def test_a_failure_without_an_upper_bound_is_not_judged_again(verifier, make_incident, shop, progress):
    shop.effects["orders-break"] = shop.effects[None]
    unlimited = make_incident()
    unlimited = msgspec.structs.replace(unlimited, expect=msgspec.structs.replace(unlimited.expect, alerts=Alerts()))

    assert [verdict.verified for verdict in verifier.in_parallel([unlimited])] == [False]
    assert progress.begun == ["orders-break"]
