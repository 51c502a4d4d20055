"""What the pages call ``my_tool``: blames the deepest span that is an error."""

from vshop.addresses import find
from vshop.traces import TraceReader


def root_cause(trace_id: str) -> str:
    """Return the id of the span to blame."""
    trace = TraceReader(find().traces).get(trace_id)
    red = [(depth, span.span_id) for depth, span in trace.walk() if span.status == "ERROR" and span.kind == "CLIENT"]
    return max(red)[1]
