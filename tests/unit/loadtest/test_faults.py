import pytest

from loadtest.report import Fault, explain, explain_letter
from loadtest.torture import ANYWHERE, KINDS, schedule
from loadtest.trace_check import PROCESS, SERVER_SPAN, BrokenTrace

KILLED = {
    part: Fault(part=part, what="killed", at=100.0, back_at=105.0) for part in ("orders", "stock-updater", "observatory", "kafka")
}


@pytest.mark.parametrize(
    ("part", "missing", "at", "explained"),
    [
        ("orders", SERVER_SPAN, 99.0, True),
        ("orders", SERVER_SPAN, 104.0, True),
        ("orders", SERVER_SPAN, 80.0, False),
        ("orders", SERVER_SPAN, 110.0, False),
        ("orders", PROCESS, 99.0, False),
        ("stock-updater", PROCESS, 90.0, True),
        ("observatory", PROCESS, 99.0, True),
        ("kafka", PROCESS, 99.0, False),
    ],
)
def test_killed_process_explains_its_own_spans(order, part, missing, at, explained):
    """The observatory holds the spans of all services; Kafka has none."""
    found = explain(BrokenTrace(order(1, at=at), missing), [KILLED[part]])

    assert (found.cause is not None) == explained


def test_kill_explains_orders_whose_traces_were_incomplete(order):
    fault = Fault(part="observatory", what="killed", at=100.0, back_at=105.0, oldest_at=70.0)

    assert explain(BrokenTrace(order(1, at=71.0), PROCESS), [fault]).cause is not None
    assert explain(BrokenTrace(order(1, at=69.0), PROCESS), [fault]).cause is None


def test_the_cause_says_which_process_and_when(order):
    assert explain(BrokenTrace(order(1, at=99.0), SERVER_SPAN), KILLED.values()).cause == "orders killed +1.0 s after the order"


def test_an_incident_of_the_order_itself_explains_its_gap(order):
    broken = BrokenTrace(order(1, incident="orders-context-lost"), PROCESS)

    assert explain(broken, []).cause == "orders-context-lost, on for this order"


def test_a_dead_letter_is_explained_by_an_incident_only(order):
    slow = Fault(part="auth-stub", what="under auth-read-timeout", at=100.0, back_at=106.0)

    assert explain_letter(103.0, order(), [KILLED["stock-updater"]]) is None
    assert explain_letter(103.0, order(), [slow]) == "auth-stub under auth-read-timeout"
    assert explain_letter(99.0, order(incident="stock-put-missing-key"), []) == "stock-put-missing-key, on for this order"


@pytest.mark.parametrize(("orders", "rounds"), [(100, 1), (2_000, 1), (100_000, 10)])
@pytest.mark.parametrize("kinds", [ANYWHERE, tuple(KINDS)])
def test_every_round_injects_every_fault(orders, rounds, kinds):
    done = schedule(orders, kinds, seed=1)

    sizes = {"kill": 7, "restart": 2, "pause": 2, "partition": 5}
    assert len(done) == sum(sizes.get(kind, 1) for kind in kinds) * rounds
    assert [after for after, _ in done] == sorted({after for after, _ in done})
    assert 0 < done[0][0] < done[-1][0] < orders


def test_a_seed_replays_the_same_faults():
    first, again, other = (schedule(20_000, tuple(KINDS), seed) for seed in (1, 1, 2))

    assert first == again != other


def test_a_pause_or_a_partition_explains_no_gap(order):
    for what in ("paused", "partitioned, black hole", "full disk"):
        fault = Fault(part="stock-updater", what=what, at=99.0, back_at=105.0)
        assert explain(BrokenTrace(order(1, at=100.0), PROCESS), [fault]).cause is None
