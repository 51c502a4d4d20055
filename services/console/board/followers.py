"""Live instances of services, and the revision that each has acknowledged."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

BETWEEN_POLLS_S = 5.0
"""An instance counts as alive so long after its last poll."""
HUNG_UP_S = 0.5
"""The same after it disconnected during a poll."""

HungUp = Callable[[], bool]


class Acks(NamedTuple):
    """Instances by acknowledgement of a change."""

    by: list[str]
    silent: dict[str, list[str]]
    """By service. An empty list means the service has no live instance."""


class _Poll:
    def __init__(self, hung_up: HungUp) -> None:
        self._hung_up = hung_up
        self._until: float | None = None

    def alive(self, now: float) -> bool:
        if self._until is None and self._hung_up():
            self._until = now + HUNG_UP_S
        return self._until is None or now < self._until

    def left(self, now: float) -> float:
        self.alive(now)
        return now + BETWEEN_POLLS_S if self._until is None else self._until


class _Instance:
    def __init__(self) -> None:
        self.acked = -1
        self.alive_until = 0.0
        self.polls: set[_Poll] = set()

    def alive(self, now: float) -> bool:
        return any(poll.alive(now) for poll in self.polls) if self.polls else now < self.alive_until


class Followers:
    """Call every method with ``changed`` held, except ``present``."""

    def __init__(self, services: Iterable[str], changed: threading.Condition, clock: Callable[[], float] = time.monotonic) -> None:
        self._services = frozenset(services)
        self._changed = changed
        self._clock = clock
        self._instances: dict[str, _Instance] = {}

    def follows(self, name: object) -> str | None:
        """Return ``name`` if it is ``<service>/<instance>`` of a known service."""
        return name if isinstance(name, str) and name.partition("/")[0] in self._services and len(name) <= 200 else None

    @contextmanager
    def present(self, name: str, acked: int | None, hung_up: HungUp) -> Iterator[None]:
        """Count an instance as alive inside the block, with the revision that it acknowledges."""
        poll = _Poll(hung_up)
        with self._changed:
            instance = self._instances.setdefault(name, _Instance())
            instance.acked = -1 if acked is None else acked
            instance.polls.add(poll)
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                instance.polls.discard(poll)
                instance.alive_until = poll.left(self._clock())

    def alive(self) -> dict[str, int]:
        """Return the live instances' revisions, and forget the others."""
        now = self._clock()
        self._instances = {name: one for name, one in self._instances.items() if one.polls or one.alive(now)}
        return {name: one.acked for name, one in sorted(self._instances.items()) if one.alive(now)}

    def acks(self, needed: Mapping[str, int], *, everyone: bool) -> Acks:
        """Return which instances have acknowledged their service's revision. With ``everyone``, a service without one is silent."""
        by: list[str] = []
        silent: dict[str, list[str]] = {}
        found = set()
        for name, acked in self.alive().items():
            service = name.partition("/")[0]
            if service not in needed:
                continue
            found.add(service)
            if acked >= needed[service]:
                by.append(name)
            else:
                silent.setdefault(service, []).append(name)
        if everyone:
            silent |= {service: [] for service in needed if service not in found}
        return Acks(by, silent)
