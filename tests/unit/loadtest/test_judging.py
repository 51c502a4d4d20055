"""A trace is whole, or the hop that is missing is named."""

import pytest

from loadtest.judging import ASKED, ENTRY, KNOWN, READ, SENT, TAKEN, WRITTEN, judge


def test_a_whole_trace(whole):
    verdict = judge(whole())

    assert (verdict.whole, verdict.outcomes) == (True, ("applied",))


@pytest.mark.parametrize(
    ("lost", "missing"),
    [("1", ENTRY), ("2", ASKED), ("3", KNOWN), ("4", SENT), ("10", TAKEN), ("101", READ), ("102", WRITTEN)],
)
def test_each_lost_span_is_named(whole, lost, missing):
    """Whichever of the seven it is."""
    assert judge(whole(without=(lost,))).missing == missing


def test_processed_in_another_trace_is_not_whole(whole):
    """As when the context was not sent along: nothing links the two."""
    trace = whole()
    trace.spans[4:] = []

    assert judge(trace).missing == TAKEN


def test_delivered_twice_and_recognised(whole):
    """A second delivery reads and writes nothing; the trace is whole."""
    verdict = judge(whole(outcomes=("applied", "duplicate")))

    assert (verdict.whole, verdict.outcomes) == (True, ("applied", "duplicate"))


def test_a_write_whose_answer_was_lost(whole):
    """The next delivery recognises the order; the failed call is there to show who applied it."""
    verdict = judge(whole(outcomes=(None, "duplicate")))

    assert (verdict.whole, verdict.outcomes) == (True, ("unanswered", "duplicate"))


def test_a_write_whose_answer_was_lost_and_nothing_after(whole):
    """As long as no delivery came to an end."""
    assert judge(whole(outcomes=(None,))).missing == TAKEN


def test_no_hop_is_whole_by_being_absent_altogether(whole):
    assert judge(whole(without=tuple(str(number) for number in range(200)))).missing == ENTRY
