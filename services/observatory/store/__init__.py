"""The stores, in bounded memory."""

from typing import NamedTuple

from observatory.store.log_store import LogStore
from observatory.store.metric_store import MetricStore
from observatory.store.trace_store import TraceStore

__all__ = ["LogStore", "MetricStore", "Stores", "TraceStore"]


class Stores(NamedTuple):
    """The three stores of one observatory."""

    traces: TraceStore
    logs: LogStore
    metrics: MetricStore
