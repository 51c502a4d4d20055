import pytest

from loadtest.trace_check import GET_ITEM, PROCESS, PUT_ITEM, SEND, SERVER_SPAN, USER_LOOKUP, USER_REQUEST, check_trace


def test_a_whole_trace(whole):
    verdict = check_trace(whole())

    assert (verdict.whole, verdict.outcomes) == (True, ("applied",))


@pytest.mark.parametrize(
    ("lost", "missing"),
    [
        ("1", SERVER_SPAN),
        ("2", USER_REQUEST),
        ("3", USER_LOOKUP),
        ("4", SEND),
        ("10", PROCESS),
        ("101", GET_ITEM),
        ("102", PUT_ITEM),
    ],
)
def test_each_lost_span_is_named(whole, lost, missing):
    assert check_trace(whole(without=(lost,))).missing == missing


def test_processed_in_another_trace_is_not_whole(whole):
    """No link leads from one to the other."""
    trace = whole()
    trace.spans[4:] = []

    assert check_trace(trace).missing == PROCESS


def test_second_delivery_is_a_duplicate(whole):
    verdict = check_trace(whole(outcomes=("applied", "duplicate")))

    assert (verdict.whole, verdict.outcomes) == (True, ("applied", "duplicate"))


def test_a_write_whose_answer_was_lost(whole):
    """The failed call shows that the order was applied; the next delivery recognises it."""
    verdict = check_trace(whole(outcomes=(None, "duplicate")))

    assert (verdict.whole, verdict.outcomes) == (True, ("unanswered", "duplicate"))


def test_unanswered_write_without_a_later_delivery_is_broken(whole):
    assert check_trace(whole(outcomes=(None,))).missing == PROCESS


def test_empty_trace_misses_its_first_span(whole):
    assert check_trace(whole(without=tuple(str(number) for number in range(200)))).missing == SERVER_SPAN
