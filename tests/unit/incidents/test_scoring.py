import pytest

from vshop.incidents import UnknownIncidentError
from vshop.incidents.scoring import runs, score, truths

RIGHT = {"service": "orders", "component": "orders/app", "errorType": "500", "spanId": "a"}
WRONG = {"service": "auth-stub", "component": "x", "errorType": "y", "spanId": "z"}
VERDICTS = [{"incident": "orders-break", "culprits": [{"traceId": "t1", "spanId": "a"}, {"traceId": "t2", "spanId": "b"}]}]


def test_the_first_right_candidate_gives_the_rank(incidents):
    result = score({"orders-break": [WRONG, RIGHT]}, truths(incidents))

    aspect = result.cases[0].aspects["service"]
    assert aspect.rank == 2
    assert aspect.precision == 0.5
    assert aspect.accuracy == {1: 0.0, 2: 1.0, 3: 1.0, 4: 1.0, 5: 1.0}
    assert result.totals["service"].ac[1] == 0.0
    assert result.totals["service"].avg5 == pytest.approx(0.8)


def test_without_a_right_candidate_there_is_no_rank(incidents):
    result = score({"orders-break": [WRONG, {}]}, truths(incidents))

    assert result.cases[0].aspects["component"].rank is None
    assert result.totals["component"].avg5 == 0.0


def test_acceptable_alternatives_count_as_right(incidents):
    result = score({"orders-break": [{"component": "orders"}]}, truths(incidents))

    assert result.cases[0].aspects["component"].rank == 1


def test_every_culprit_span_counts(incidents):
    result = score({"orders-break": [RIGHT, {"spanId": "b"}]}, truths(incidents, verdicts=VERDICTS))

    assert result.cases[0].aspects["spanId"].accuracy == {1: 0.5, 2: 1.0, 3: 1.0, 4: 1.0, 5: 1.0}
    assert "spanId" not in score({"orders-break": [RIGHT]}, truths(incidents)).cases[0].aspects


@pytest.mark.parametrize(("candidates", "right"), [([], True), ([WRONG], False)])
def test_right_answer_to_a_twin_is_empty(incidents, candidates, *, right):
    result = score({"orders-seem-broken": candidates}, truths(incidents))

    assert result.cases[0].right == right
    assert result.twins == {"answered": 1, "right": int(right)}
    assert result.totals == {}
    assert result.unanswered == ["orders-break"]


def test_run_is_answered_by_its_id(incidents, journal):
    known = truths(incidents, runs(journal((7, "orders-break", "on", 1), (8, "orders-break", "off", 5)), incidents))

    result = score({"r7": [RIGHT]}, known)

    assert result.cases[0].incident == "orders-break"
    assert result.totals["errorType"].ac[1] == 1.0


def test_run_has_the_culprits_of_its_period(incidents, journal):
    """A verdict without times counts for every run."""
    lines = journal((7, "orders-break", "on", 1), (8, "orders-break", "off", 5), (9, "orders-break", "on", 10))
    first, second = runs(lines, incidents)
    verdicts = [
        {"incident": "orders-break", "onAt": run.injected_at - 0.01, "offAt": run.injected_at + 2, "culprits": [{"spanId": span}]}
        for run, span in ((first, "a"), (second, "b"))
    ]

    known = truths(incidents, [first, second], [*verdicts, {"incident": "orders-break", "culprits": [{"spanId": "c"}]}])

    assert [known[name].right["spanId"] for name in ("orders-break", "r7", "r9")] == [["a", "b", "c"], ["a", "c"], ["b", "c"]]


def test_unknown_id_is_rejected(incidents):
    with pytest.raises(UnknownIncidentError, match="orders-brake"):
        score({"orders-brake": [RIGHT]}, truths(incidents))
