"""A gap in a trace is explained by the process that was killed, and by no other."""

import pytest

from loadtest.faults import Fault, explain, explain_letter
from loadtest.judging import ENTRY, TAKEN
from loadtest.torture import ROUND, schedule
from loadtest.watching import Broken

KILLED = {
    part: Fault(part=part, what="killed", at=100.0, back_at=105.0) for part in ("orders", "stock-updater", "observatory", "kafka")
}


@pytest.mark.parametrize(
    ("part", "missing", "at", "explained"),
    [
        ("orders", ENTRY, 99.0, True),
        ("orders", ENTRY, 104.0, True),
        ("orders", ENTRY, 80.0, False),
        ("orders", ENTRY, 110.0, False),
        ("orders", TAKEN, 99.0, False),
        ("stock-updater", TAKEN, 90.0, True),
        ("observatory", TAKEN, 99.0, True),
        ("kafka", TAKEN, 99.0, False),
    ],
)
def test_a_killed_process_explains_its_own_spans_around_its_end(order, part, missing, at, explained):
    """The observatory explains everybody's, Kafka nobody's: it has none."""
    found = explain(Broken(order(1, at=at), missing), [KILLED[part]])

    assert (found.cause is not None) == explained


def test_an_order_whose_trace_was_not_read_yet_is_concerned_however_old(order):
    """And one whose trace had been read is not."""
    fault = Fault(part="observatory", what="killed", at=100.0, back_at=105.0, oldest_at=70.0)

    assert explain(Broken(order(1, at=71.0), TAKEN), [fault]).cause is not None
    assert explain(Broken(order(1, at=69.0), TAKEN), [fault]).cause is None


def test_the_cause_says_which_process_and_when(order):
    assert explain(Broken(order(1, at=99.0), ENTRY), KILLED.values()).cause == "orders killed +1.0 s after the order"


def test_an_incident_of_the_order_itself_explains_its_gap(order):
    broken = Broken(order(1, incident="orders-context-lost"), TAKEN)

    assert explain(broken, []).cause == "orders-context-lost, on for this order"


def test_a_dead_letter_is_explained_by_an_incident_only(order):
    """A kill must never make one."""
    slow = Fault(part="auth-stub", what="under auth-read-timeout", at=100.0, back_at=106.0)

    assert explain_letter(103.0, order(), [KILLED["stock-updater"]]) is None
    assert explain_letter(103.0, order(), [slow]) == "auth-stub under auth-read-timeout"
    assert explain_letter(99.0, order(incident="stock-put-missing-key"), []) == "stock-put-missing-key, on for this order"


@pytest.mark.parametrize(("orders", "rounds"), [(100, 1), (2_000, 1), (100_000, 10)])
def test_everything_is_done_in_every_round(orders, rounds):
    """Evenly, before the last order."""
    done = schedule(orders)

    assert [deed for _, deed in done] == list(ROUND) * rounds
    assert [after for after, _ in done] == sorted({after for after, _ in done})
    assert 0 < done[0][0] < done[-1][0] < orders
