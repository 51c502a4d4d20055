from collections.abc import Callable
from typing import Any

import pytest

from loadtest.swarm import Accepted
from vshop.shop.spans import Span
from vshop.shop.traces import Trace

TRACE = "a" * 32
TOPIC = "queuing.retail_site.new_orders"

Order = Callable[..., Accepted]
Whole = Callable[..., Trace]


def span(name: str, span_id: str, parent_id: str | None = None, **attributes: Any) -> Span:
    service, kind, title = name.split(" ", 2)
    return Span(
        trace_id=TRACE,
        span_id=span_id,
        parent_id=parent_id,
        service=service,
        name=title,
        kind=kind,
        status="UNSET",
        status_message="",
        start_ns=int(span_id),
        end_ns=int(span_id) + 1,
        attributes={key.replace("__", "."): value for key, value in attributes.items()},
        events=[],
        links=[],
        resource={},
    )


@pytest.fixture
def order() -> Order:
    def make(number: int = 1, **changed: Any) -> Accepted:
        facts = {"order_id": f"order-{number}", "trace_id": TRACE, "item_id": 1, "quantity": 2, "tries": 1, "at": float(number)}
        return Accepted(**(facts | changed))

    return make


@pytest.fixture
def whole() -> Whole:
    def make(without: tuple[str, ...] = (), outcomes: tuple[str, ...] = ("applied",)) -> Trace:
        spans = [
            span("orders SERVER POST /orders", "1"),
            span("orders CLIENT GET", "2", "1", http__response__status_code=200),
            span("auth-stub SERVER GET /api/v2/users/<user_id>", "3", "2"),
            span(f"orders PRODUCER send {TOPIC}", "4", "1"),
        ]
        for number, outcome in enumerate(outcomes):
            taken = str(10 + 10 * number)
            spans.append(span(f"stock-updater CONSUMER process {TOPIC}", taken, "4", shop__order__outcome=outcome))
            spans.append(span("stock-updater CLIENT DynamoDB.GetItem", f"{taken}1", taken))
            if outcome != "duplicate":
                spans.append(span("stock-updater CLIENT DynamoDB.PutItem", f"{taken}2", taken))
        return Trace(TRACE, [one for one in spans if one.span_id not in without])

    return make
