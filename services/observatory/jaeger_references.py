"""Turns a span's parent and links into Jaeger's references."""

from collections.abc import Sequence

import msgspec
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage

from observatory import attributes

CHILD_OF, FOLLOWS_FROM = "CHILD_OF", "FOLLOWS_FROM"
_NO_TRACE = bytes(16)


class Reference(msgspec.Struct):
    """A reference to a span: kind, and the ids in bytes."""

    kind: str
    trace_id: bytes
    span_id: bytes

    def as_json(self) -> dict[str, str]:
        """Write it as Jaeger's API does."""
        return {"refType": self.kind, "traceID": trace_id_text(self.trace_id), "spanID": self.span_id.hex()}


def trace_id_text(trace_id: bytes) -> str:
    """Write a trace id as Jaeger does: 32 hex digits, or 16 where the upper half is zero."""
    return trace_id[8:].hex() if trace_id.startswith(_NO_TRACE[:8]) and trace_id != b"" else trace_id.hex()


def of_span(message: SpanMessage, trace_id: bytes, parent_id: bytes) -> list[Reference]:
    """Collect a span's references: its parent first, then its links.

    A link to the parent does not become a second reference but sets the kind of the first
    (https://github.com/open-telemetry/opentelemetry-collector-contrib/blob/v0.140.0/pkg/translator/jaeger/traces_to_jaegerproto.go).
    """
    found = [Reference(CHILD_OF, trace_id, parent_id)] if parent_id else []
    for link in message.links:
        kind_of_link = attributes.find(link.attributes, "opentracing.ref_type")
        kind = CHILD_OF if kind_of_link is not None and kind_of_link.string_value == "child_of" else FOLLOWS_FROM
        if parent_id and link.trace_id == trace_id and link.span_id == parent_id:
            found[0].kind = kind
        else:
            found.append(Reference(kind, link.trace_id, link.span_id))
    return found


def parent_of(references: Sequence[Reference], trace_id: bytes) -> bytes:
    """Say which span Jaeger takes for the parent: the first CHILD_OF within the trace, else the first FOLLOWS_FROM, else none."""
    inside = [reference for reference in references if reference.trace_id == trace_id]
    first = next((reference for reference in inside if reference.kind == CHILD_OF), inside[0] if inside else None)
    return first.span_id if first else b""


def without_invalid(references: Sequence[Reference]) -> tuple[list[Reference], list[str]]:
    """Take out references to no trace at all; returns what stays, and a warning for each that went, in Jaeger's words."""
    kept = [reference for reference in references if reference.trace_id not in {b"", _NO_TRACE}]
    warnings = [
        "Invalid span reference removed {TraceID:0000000000000000"
        f" SpanID:{reference.span_id.hex() or '0' * 16} RefType:{reference.kind}"
        " XXX_NoUnkeyedLiteral:{} XXX_unrecognized:[] XXX_sizecache:0}"
        for reference in references
        if reference.trace_id in {b"", _NO_TRACE}
    ]
    return kept, warnings


def parent_first(references: list[Reference], trace_id: bytes) -> list[Reference]:
    """Put a reference within the trace to the front, CHILD_OF before others: Jaeger's page takes the first one for the parent."""
    inside = [i for i, reference in enumerate(references) if reference.trace_id == trace_id]
    if inside:
        swap = next((i for i in inside if references[i].kind == CHILD_OF), inside[0])
        references[0], references[swap] = references[swap], references[0]
    return references
