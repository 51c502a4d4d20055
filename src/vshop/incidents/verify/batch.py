"""Verifies several incidents."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Protocol

import msgspec

from vshop.incidents.incident import Incident, Scope
from vshop.incidents.patterns import Test
from vshop.incidents.verify.protocols import ShopApi, Traces
from vshop.incidents.verify.run import CleanRunCache, Phase, verify
from vshop.incidents.verify.verdict import Check, Verdict

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

    shop: ShopApi
    traces: Traces
    progress: Progress
    scope: Scope = "global"
    fail_fast: bool = False

    def in_sequence(self, incidents: Sequence[Incident]) -> Iterator[Verdict]:
        """Verify incidents one after the other; nobody else may order meanwhile."""
        clean_runs = CleanRunCache()
        for incident in incidents:
            verdict = self._verify(incident, self.progress, self.scope, alone=True, clean_runs=clean_runs)
            yield verdict
            if self.fail_fast and not verdict.verified:
                return

    def in_parallel(self, incidents: Sequence[Incident]) -> Iterator[Verdict]:
        """Verify in parallel the incidents that can be on for single requests, then the others in sequence.

        Those that order the same items are verified in sequence, because the stock must match exactly.
        """
        per_request = [one for one in incidents if one.switch is None or "request" in one.switch.scope]
        stop = threading.Event()
        progress = _LockedProgress(self.progress)
        too_slow: list[Incident] = []

        def verify_chain(chain: Sequence[Incident]) -> list[Verdict]:
            clean_runs, verdicts = CleanRunCache(), []
            for incident in chain:
                if stop.is_set():
                    break
                verdict = self._verify(incident, progress, "request", alone=False, clean_runs=clean_runs)
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
            yield (verdict := self._verify(incident, self.progress, "request", alone=True, clean_runs=CleanRunCache()))
            if self.fail_fast and not verdict.verified:
                return
        yield from self.in_sequence([one for one in incidents if one not in per_request])

    def _verify(self, incident: Incident, progress: Progress, scope: Scope, *, alone: bool, clean_runs: CleanRunCache) -> Verdict:
        progress.begin(incident.id)
        verdict = verify(
            incident,
            self.shop,
            self.traces,
            scope=scope,
            on_phase=lambda phase, checks: progress.phase(incident.id, phase, checks),
            alone=alone,
            clean_runs=clean_runs,
        )
        progress.end(verdict)
        return verdict


class _LockedProgress:
    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._lock = threading.Lock()

    def begin(self, incident: str) -> None:
        self._locked(lambda: self._progress.begin(incident))

    def phase(self, incident: str, phase: Phase, checks: list[Check]) -> None:
        self._locked(lambda: self._progress.phase(incident, phase, checks))

    def end(self, verdict: Verdict) -> None:
        self._locked(lambda: self._progress.end(verdict))

    def _locked(self, call: Callable[[], None]) -> None:
        with self._lock:
            call()


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
    durations = (span.duration_ms for span in incident.expect.spans)
    limited = any(isinstance(one, Test) and one.at_most is not None for one in durations)
    return limited or any(pattern.rule == "order-slow" for pattern in incident.expect.alerts.silent)


def _minimum_ms(incident: Incident) -> float:
    durations = (span.duration_ms for span in incident.expect.spans)
    return max((one.at_least for one in durations if isinstance(one, Test) and one.at_least is not None), default=0.0)
