"""Verifies several incidents."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Protocol

import msgspec

from vshop.incidents.incident import Incident, Scope
from vshop.incidents.patterns import ExpectedSpan, Test
from vshop.incidents.verify.phases import CleanRun
from vshop.incidents.verify.run import Phase, verify
from vshop.incidents.verify.verdict import Check, Verdict
from vshop.kit.telemetry.modes import NONE
from vshop.kit.times import Clock
from vshop.shop.client import ShopClient
from vshop.shop.hops import HOPS, Hop, HopReport, report_hops, spans_when_calm
from vshop.shop.spans import Span
from vshop.shop.traces import TraceReader

_MAX_THREADS = 12


class Progress(Protocol):
    """Called from several threads, one call at a time."""

    def begin(self, incident: str) -> None:
        """Note that an incident's verification has begun."""

    def phase(self, incident: str, phase: Phase, checks: list[Check]) -> None:
        """Note that a phase has ended."""

    def end(self, verdict: Verdict) -> None:
        """Note that an incident's verification has ended."""


class BatchVerifier(msgspec.Struct, frozen=True, kw_only=True):
    """Verifies several incidents.

    ``scope`` is for incidents in sequence. ``fail_fast`` stops at the first that is not verified.
    """

    shop: ShopClient
    traces: TraceReader
    progress: Progress
    scope: Scope = "global"
    fail_fast: bool = False
    lock: threading.Lock = msgspec.field(default_factory=threading.Lock)
    """Held while ``progress`` is called."""

    def in_sequence(self, incidents: Sequence[Incident]) -> Iterator[Verdict]:
        """Verify incidents one after the other; nobody else may order meanwhile."""
        clean_runs: list[CleanRun] = []
        for incident in incidents:
            verdict = self._verify(incident, self.scope, clean_runs, alone=True)
            yield verdict
            if self.fail_fast and not verdict.verified:
                return

    def in_parallel(self, incidents: Sequence[Incident]) -> Iterator[Verdict]:
        """Verify in parallel the incidents that can be on for single requests, then the others in sequence.

        Those that order the same items are verified in sequence, because the stock must match exactly.
        """
        per_request = [one for one in incidents if one.switch is None or "request" in one.switch.scope]
        stop = threading.Event()
        too_slow: list[Incident] = []

        def verify_chain(chain: Sequence[Incident]) -> list[Verdict]:
            clean_runs: list[CleanRun] = []
            verdicts = []
            for incident in chain:
                if stop.is_set():
                    break
                verdict = self._verify(incident, "request", clean_runs, alone=False)
                if not verdict.verified and _limits_a_duration(incident):
                    too_slow.append(incident)
                    continue
                verdicts.append(verdict)
                if self.fail_fast and not verdict.verified:
                    stop.set()
            return verdicts

        with ThreadPoolExecutor(_MAX_THREADS) as pool:
            chains = [pool.submit(verify_chain, chain) for chain in _chains_by_items(per_request)]
            try:
                for chain in as_completed(chains):
                    yield from chain.result()
            finally:
                stop.set()  # after Ctrl-C, running verifications end and no other one begins
        if self.fail_fast and any(not verdict.verified for chain in chains for verdict in chain.result()):
            return
        for incident in too_slow:
            yield (verdict := self._verify(incident, "request", [], alone=True))
            if self.fail_fast and not verdict.verified:
                return
        yield from self.in_sequence([one for one in incidents if one not in per_request])

    def _verify(self, incident: Incident, scope: Scope, clean_runs: list[CleanRun], *, alone: bool) -> Verdict:
        def on_phase(phase: Phase, checks: list[Check]) -> None:
            with self.lock:
                self.progress.phase(incident.id, phase, checks)

        with self.lock:
            self.progress.begin(incident.id)
        verdict = verify(incident, self.shop, self.traces, scope=scope, on_phase=on_phase, alone=alone, clean_runs=clean_runs)
        with self.lock:
            self.progress.end(verdict)
        return verdict


def _chains_by_items(incidents: Sequence[Incident]) -> list[list[Incident]]:
    chains: list[tuple[set[int], list[Incident]]] = []
    for incident in incidents:
        items = {step.order.item_id for step in incident.trigger.steps if step.order is not None}
        meeting = [chain for chain in chains if chain[0] & items]
        chains = [chain for chain in chains if not chain[0] & items]
        chains.append((items.union(*(chain[0] for chain in meeting)), [*(one for chain in meeting for one in chain[1]), incident]))
    in_order = [sorted(chain, key=_minimum_ms, reverse=True) for _, chain in chains]
    return sorted(in_order, key=lambda chain: sum(1 + _minimum_ms(one) for one in chain), reverse=True)


def _limits_a_duration(incident: Incident) -> bool:
    limited = any(one.at_most is not None for one in _duration_tests(incident))
    return limited or any(pattern.rule == "order-slow" for pattern in incident.expect.alerts.silent)


def _minimum_ms(incident: Incident) -> float:
    return max((one.at_least for one in _duration_tests(incident) if one.at_least is not None), default=0.0)


def _duration_tests(incident: Incident) -> list[Test]:
    return [span.duration_ms for span in incident.expect.spans if isinstance(span.duration_ms, Test)]


def with_hops(
    verdicts: Sequence[Verdict], incidents: Mapping[str, Incident], reader: TraceReader, clock: Clock, calm_s: float = 6.0
) -> list[Verdict]:
    """Return the verdicts with a report of each hop passed while the incident was on: what an agent recorded. Raises TraceError.

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
