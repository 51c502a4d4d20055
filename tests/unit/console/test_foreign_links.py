from console.page.traces import MOST_LINKED, Traces
from vshop.shop.spans import read_spans
from vshop.shop.traces import Trace


class Reader:
    def get(self, trace_id):
        return Trace(trace_id, [])

    def find_traces(self, *_args, **_options):
        return []


def related(ids):
    links = [{"traceId": one, "spanId": "b" * 16} for one in ids]
    span = {"traceId": "a" * 32, "spanId": "a" * 16, "links": links}
    trace = Trace("a" * 32, read_spans({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}))
    return list(Traces(None, Reader(), "topic").related_ids(trace))


def test_invalid_ids_are_left_out():
    assert related(["", "x", "c" * 34, "../services", "c" * 32]) == ["c" * 32]


def test_only_the_first_linked_traces_are_named():
    assert len(related([f"{number:032x}" for number in range(5_000)])) == MOST_LINKED
