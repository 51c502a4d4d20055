"""Reports what an agent recorded of the hops that incidents' orders passed."""

from collections.abc import Mapping, Sequence

import msgspec

from vshop.incidents.incident import Incident
from vshop.incidents.patterns import ExpectedSpan
from vshop.incidents.verify.verdict import Verdict
from vshop.kit.telemetry.modes import NONE
from vshop.shop.clock import Clock
from vshop.shop.hops import HOPS, Hop, HopReport, report_hops, spans_when_calm
from vshop.shop.spans import Span
from vshop.shop.traces import TraceReader


def with_hops(
    verdicts: Sequence[Verdict], incidents: Mapping[str, Incident], reader: TraceReader, clock: Clock, calm_s: float = 6.0
) -> list[Verdict]:
    """Return the verdicts with a report of each hop passed while the incident was on. Raises TraceError.

    Verdicts whose telemetry was judged stay as they are. Nobody else may have ordered. ``calm_s``: seconds without a new span
    before the spans are read.
    """
    windows = {
        verdict.incident: (verdict.on_at, verdict.off_at)
        for verdict in verdicts
        if not verdict.telemetry_judged and verdict.telemetry != NONE and verdict.on_at is not None and verdict.off_at is not None
    }
    spans = dict(zip(windows, spans_when_calm(reader, clock, list(windows.values()), calm_s), strict=True))
    return [
        msgspec.structs.replace(verdict, hops=_report(verdict, incidents[verdict.incident], spans[verdict.incident]))
        if verdict.incident in spans
        else verdict
        for verdict in verdicts
    ]


def _report(verdict: Verdict, incident: Incident, spans: Sequence[Span]) -> list[HopReport]:
    expected = [(hop, pattern) for pattern in incident.expect.spans if (hop := hop_of(pattern)) is not None]
    failing = {hop.id: spans for hop, pattern in expected if pattern.status == "ERROR"}
    passed = {hop.id for hop, _ in expected}
    return report_hops(spans, verdict.trace_ids, failing, [hop for hop in HOPS if hop.id in passed])


def hop_of(pattern: ExpectedSpan) -> Hop | None:
    """Return the hop that an expected span records."""
    hops = [hop for hop in HOPS if (hop.service, hop.kind) == (pattern.service, pattern.kind)]
    named = [hop for hop in hops if any(word in str(pattern.name).lower() for word in hop.words)]
    return next(iter(named or (hops if len(hops) == 1 else [])), None)
