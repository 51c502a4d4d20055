"""The pages' ``my_tool``: blames the deepest failed span."""

from vshop.shop.addresses import find
from vshop.shop.traces import TraceReader


def root_cause(trace_id: str) -> str:
    trace = TraceReader(find().traces).get(trace_id)
    red = [(depth, span.span_id) for depth, span in trace.walk() if span.status == "ERROR" and span.kind == "CLIENT"]
    return max(red)[1]
