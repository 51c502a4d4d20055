"""What becomes of the trigger's own orders once the incident is off again."""

from vshop.verify.broken import Before, Broken
from vshop.verify.expected import bound_spans
from vshop.verify.outcome_match import stock_checks
from vshop.verify.span_search import search, span_checks
from vshop.verify.stage import Stage
from vshop.verify.verdict import Check


def recovered(stage: Stage, start: Before, seen: Broken) -> list[Check]:
    """Replay the trigger's dead letters if the file says so, and look at stock and traces until they are as they must become."""
    recovery = stage.incident.recovery
    if recovery is None:
        return []
    checks = _replay(stage, seen) if recovery.replay_dead_letters else []

    def look() -> list[Check]:
        found = stock_checks(recovery.stocks, start.stock, stage.shop)
        if recovery.spans:
            for scene in stage.look([scene.placed for scene in seen.scenes]):
                bound = bound_spans(stage.incident.expect, scene)
                found += span_checks(recovery.spans, search(recovery.spans, scene, bound))
        return found

    return checks + stage.pace.until_ok(look, recovery.within_ms / 1000)


def _replay(stage: Stage, seen: Broken) -> list[Check]:
    trace_ids = {placed.trace_id for placed in seen.orders}
    letters = [letter["id"] for letter in stage.shop.dead_letters() if letter["traceId"] in trace_ids]
    replayed = [letter for letter in letters if stage.shop.replay(letter)["replayed"]]
    return [
        Check(
            what="dead letters",
            ok=bool(letters) and replayed == letters,
            expected="the trigger's are replayed",
            seen=f"{len(replayed)} of {len(letters)} replayed",
            evidence={"ids": letters},
        )
    ]
