"""One case as it is written: its telemetry as OTLP's JSON, and the ground truth beside it."""

from collections.abc import Mapping
from typing import Any

import msgspec

from vshop.client import Placed
from vshop.corpus.otlp import Json, Signal, document
from vshop.corpus.recording import Recording
from vshop.verify.expected import bound_spans, culprits

_TOLD_HEADERS = {"content-type", "www-authenticate", "retry-after", "location", "idempotency-replayed"}
"""Headers of an answer that say something about it; the others tell of the server and the moment."""


class CaseFiles(msgspec.Struct, frozen=True, kw_only=True):
    """One case: the documents of its folder."""

    id: str
    signals: dict[Signal, Json]
    truth: Json
    jaeger: Json = {}


def case_files(recording: Recording) -> CaseFiles:
    """Put a recording into documents."""
    return CaseFiles(
        id=recording.incident.id,
        signals={
            "traces": document(recording.traces, "traces"),
            "logs": document(recording.logs, "logs"),
            "metrics": document(recording.metrics, "metrics"),
        },
        truth=_truth(recording),
    )


def _truth(recording: Recording) -> Json:
    incident = recording.incident
    judged = [scene for scene in recording.scenes if scene.placed in recording.judged]
    return {
        "schemaVersion": "1",
        "incident": incident.to_builtins(),
        "scope": recording.scope,
        "orders": [_order(placed, judged=placed in recording.judged) for placed in recording.orders],
        "traces": [
            {"traceId": trace_id, "order": number, "where": where}
            for number, scene in enumerate(recording.scenes)
            for trace_id, where in dict.fromkeys((one.span.trace_id, one.where) for one in scene.spans)
        ],
        "culprits": [msgspec.to_builtins(one) for one in culprits(incident.expect, judged)],
        "spans": [
            {
                label: {"traceId": seen.span.trace_id, "spanId": seen.span.span_id}
                for label, seen in bound_spans(incident.expect, scene).items()
            }
            for scene in judged
        ],
    }


def _order(placed: Placed, *, judged: bool) -> Mapping[str, Any]:
    return {
        "traceId": placed.trace_id,
        "orderId": placed.order_id,
        "status": placed.status,
        "headers": {name: value for name, value in sorted(placed.headers.items()) if name.lower() in _TOLD_HEADERS},
        "body": placed.body,
        "judged": judged,
    }
