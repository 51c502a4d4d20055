"""Score a root-cause finder against all incidents. Replace the naive finder by yours."""

import vshop
from vshop.incidents import load_catalogue
from vshop.incidents.scoring import score, truths


def naive_finder(spans):
    """Blame the spans with an error, the deepest first."""
    parents = {span.span_id: span.parent_id for span in spans}

    def depth(span_id):
        return 1 + depth(parents[span_id]) if parents.get(span_id) in parents else 0

    red = sorted((span for span in spans if span.status == "ERROR"), key=lambda span: depth(span.span_id), reverse=True)
    return [{"service": span.service, "errorType": span.attributes.get("error.type"), "spanId": span.span_id} for span in red]


def test_the_naive_finder_is_often_wrong():
    """It does not see missing spans, and blames a span of a harmless twin."""
    corpus = vshop.load_corpus()
    answers = {case.id: naive_finder(case.spans) for case in corpus.values()}
    known = truths(load_catalogue(), verdicts=[{**case.truth, "incident": case.id} for case in corpus.values()])

    result = score(answers, known)

    assert result.unanswered == []
    assert 0.3 < result.totals["spanId"].ac[1] < 1.0
    assert answers["stock-consumer-stalled"] == []
    assert result.twins["right"] < result.twins["answered"]


def test_a_finder_at_work_on_the_live_shop(virtual_shop):
    """The same finder on fresh telemetry."""
    with virtual_shop.incident("stock-put-missing-key") as incident:
        (order,) = incident.trigger()
        culprit = incident.verify(order).culprit

        assert naive_finder(order.spans)[0]["spanId"] == culprit.span_id
