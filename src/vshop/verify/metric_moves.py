"""Compares how metrics moved with how a file says they do."""

from collections.abc import Sequence

from vshop.incidents.expectation import By, MetricMove
from vshop.verify.metric_reading import Reading
from vshop.verify.verdict import Check


def metric_checks(moves: Sequence[MetricMove], before: Sequence[Reading], after: Sequence[Reading]) -> list[Check]:
    """Report for each metric whether it moved as expected between two readings."""
    return [_check(move, old, new) for move, old, new in zip(moves, before, after, strict=True)]


def _check(move: MetricMove, before: Reading, after: Reading) -> Check:
    moved = after.value - before.value
    match move.moves:
        case By(by=None, at_least=least):
            ok, wanted = moved >= (least or 0), f"by {least:g} or more"
        case By(by=by):
            ok, wanted = moved == by, f"by {by:g}"
        case "up":
            ok, wanted = moved > 0, "up"
        case "none":
            ok, wanted = moved == 0, "not at all"
        case _:
            ok, wanted = after.peak > before.value and moved == 0, "up, and back"
    named = "".join(f" {name}={value}" for name, value in move.attributes.items())
    seen = f"by {moved:g}, from {before.value:g} to {after.value:g}" + (
        f", at most {after.peak:g}" if move.moves == "upAndBack" else ""
    )
    evidence = {"before": before.value, "after": after.value, "peak": after.peak}
    return Check(what="metric", ok=ok, expected=f"{move.name}{named} moves {wanted}", seen=seen, evidence=evidence)
