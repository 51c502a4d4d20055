"""Holds a recorded case against its incident's file, by the parts of the verification that only compare."""

from collections.abc import Sequence
from typing import Any

import msgspec

from vshop.client import Placed
from vshop.corpus.metric_steps import number
from vshop.corpus.otlp import Json, points, rows
from vshop.incidents.expectation import MetricMove
from vshop.incidents.incident import Incident
from vshop.spans import attributes
from vshop.verify.expected import missing_checks, present_checks
from vshop.verify.metric_moves import metric_checks
from vshop.verify.metric_reading import Reading
from vshop.verify.outcome_match import answer_checks
from vshop.verify.ports import Shop, Traces
from vshop.verify.scene import look
from vshop.verify.values import mismatches
from vshop.verify.verdict import Check


def checks(truth: Json, metrics: Json, shop: Shop, traces: Traces) -> list[Check]:
    """Verify a case again: answers, spans, spans that must not be there, logs, metrics.

    Args:
        truth: its ground truth.
        metrics: its metrics.
        shop: where its logs are read.
        traces: where its traces are read.
    """
    incident = msgspec.convert(truth["incident"], Incident)
    orders = [placed(order) for order in truth["orders"] if order["judged"]]
    scenes = [look(order, traces, shop) for order in orders]
    moves = incident.expect.metrics
    return [
        *answer_checks(incident.symptom, orders),
        *present_checks(incident.expect, scenes),
        *missing_checks(incident.expect, scenes),
        *metric_checks(moves, _readings(moves, metrics, 0), _readings(moves, metrics, -1)),
    ]


def placed(order: Json) -> Placed:
    """Make the answer to an order of what the ground truth tells of it."""
    return Placed(
        status=order["status"], trace_id=order["traceId"], order_id=order["orderId"], headers=order["headers"], body=order["body"]
    )


def _readings(moves: Sequence[MetricMove], metrics: Json, index: int) -> list[Reading]:
    """Add up what each move speaks of, at the first points or the last."""
    series: list[tuple[str, str, dict[str, Any], float]] = []
    for row in rows(metrics, "metrics"):
        _, found = points(row.item)
        told = attributes(found[index].get("attributes", []))
        series.append((row.item["name"], row.service, told, number(found[index])))
    values = [
        sum(
            value
            for name, service, told, value in series
            if name == move.name and move.service in {None, service} and not mismatches(move.attributes, told)
        )
        for move in moves
    ]
    return [Reading(value, value) for value in values]
