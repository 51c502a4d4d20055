"""Recognises the spans of an order's way by service, kind and name, without decoding them."""

from collections.abc import Sequence

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from observatory.spans import STATUS_ERROR, Span

SERVER, PRODUCER, CONSUMER = 2, 4, 5

# These bytes are no UTF-8, so no string holds them: where they are in a span, it has this attribute.
_ACCEPTED = KeyValue(key="http.response.status_code", value=AnyValue(int_value=202)).SerializeToString()


def is_request(span: Span) -> bool:
    """Tell whether it is orders answering ``POST /orders``."""
    return span.kind == SERVER and span.name == "POST /orders" and span.service == "orders"


def is_send(span: Span) -> bool:
    """Tell whether it is orders sending an order that Kafka acknowledged."""
    return (
        span.kind == PRODUCER
        and span.status != STATUS_ERROR
        and span.name.startswith("send ")
        and not span.name.endswith(".dlq")
        and span.service == "orders"
    )


def is_replay(span: Span) -> bool:
    """Tell whether it is stock-updater sending a dead letter once more: a child of the order's first send."""
    return (
        span.kind == PRODUCER
        and span.service == "stock-updater"
        and span.status != STATUS_ERROR
        and span.name.startswith("send ")
        and not span.name.endswith(".dlq")
    )


def is_handling(span: Span) -> bool:
    """Tell whether it is stock-updater processing a record with success."""
    return (
        span.kind == CONSUMER
        and span.status != STATUS_ERROR
        and span.name.startswith("process ")
        and span.service == "stock-updater"
    )


def request_of(send: Span, requests: Sequence[Span], spans: Sequence[Span]) -> Span | None:
    """Find the request that a send belongs to.

    Args:
        send: the send.
        requests: the requests of its trace: most often its parent is among them.
        spans: all spans of its trace, to go up from parent to parent.

    Returns:
        The request, or None where it is not held.
    """
    for request in requests:
        if request.span_id == send.parent_id:
            return request
    above = {span.span_id: span for span in spans}
    span: Span | None = send
    while span is not None and span not in requests:
        span = above.pop(span.parent_id, None)  # taken out: parents may point in a circle
    return span


def http_status(span: Span) -> int | None:
    """Read ``http.response.status_code``; None where there is none."""
    if _ACCEPTED in span.raw:
        return 202
    # It is set last or nearly so: looking from the end takes half the time.
    for item in reversed(span.message().attributes):
        if item.key == "http.response.status_code":
            return int(item.value.int_value)
    return None
