"""The chaos board. A change is complete when the affected services have acknowledged it."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

import msgspec

from console.board.followers import Acks, Followers
from console.board.journal import By, Journal, Line
from vshop.incidents.incident import Incident
from vshop.kit.chaos.switches import Switch
from vshop.kit.http.problems import Problem
from vshop.kit.times import parse_utc, rfc3339_ms

log = logging.getLogger(__name__)

_BUSY_S = 10.0
_CHECK_EVERY_S = 0.05


class State(msgspec.Struct, frozen=True):
    """A switch, with revision and time of its last change."""

    switch: Switch = Switch()
    revision: int = 0
    since: float | None = None


class Snapshot(NamedTuple):
    """All switches at one revision."""

    revision: int
    states: Mapping[str, State]


class Change(NamedTuple):
    """``ms`` is the time until the acknowledgements."""

    revision: int
    acks: Acks
    ms: float


class Board:
    """Holds the switches. Changes are serialized; reads never wait."""

    def __init__(
        self,
        catalogue: Mapping[str, Incident],
        journal: Journal,
        *,
        ack_timeout_s: float = 2.0,
        clock: Callable[[], float] = time.time,
        held_polls: int = 48,
    ) -> None:
        """Restore the switches from the journal. ``held_polls`` may wait at a time."""
        self.catalogue = catalogue
        known = {name: one.switch for name, one in catalogue.items() if one.switch}
        self.switchable = {name: one for name, one in known.items() if "global" in one.scope}
        self.ack_timeout_s = ack_timeout_s
        self._journal = journal
        self._clock = clock
        self._writer = threading.Lock()
        self._changed = threading.Condition()
        self.followers = Followers({service for one in known.values() for service in one.services}, self._changed)
        self._states = {name: State() for name in self.switchable}
        self._revision = max((line.revision for line in journal.latest.values()), default=0)
        self._free_polls = held_polls
        self.closed = False
        for name, line in journal.latest.items():
            if name in self._states and line.state == "on":
                self._states[name] = State(line.switch(), line.revision, parse_utc(line.time))

    def snapshot(self) -> Snapshot:
        """Return all switches and the current revision."""
        with self._changed:
            return Snapshot(self._revision, dict(self._states))

    def alive(self) -> dict[str, int]:
        """Return the revision that each live follower has."""
        with self._changed:
            return self.followers.alive()

    def wait_beyond(self, revision: int, seconds: float) -> None:
        """Wait for another revision, unless too many polls wait."""
        with self._changed:
            if self._free_polls <= 0:
                return
            self._free_polls -= 1
            try:
                self._changed.wait_for(lambda: self.closed or self._revision != revision, seconds)
            finally:
                self._free_polls += 1

    def turn_on(self, incident: str, switch: Switch) -> Change:
        """Switch on. If ``acks.silent`` is not empty, the change was rolled back. Raises Problem or OSError (journal)."""
        with self._writing():
            current = self._states[incident].switch
            previous = current if current.holds(self._clock()) else Switch()
            try:
                change = self._change({incident: switch}, "api", everyone=True)
            except OSError:
                self._raise({incident: previous})
                raise
            if change.acks.silent:
                # Not waiting for the same instances again: 504 comes after one timeout, not two.
                silent = {name for names in change.acks.silent.values() for name in names}
                self._change({incident: previous}, "rollback", ignore=silent)
            return change

    def turn_off(self, incidents: Iterable[str], by: By = "api") -> Change:
        """Switch off, even if a running service does not acknowledge it."""
        with self._writing():
            return self._off(list(incidents), by)

    def expire(self) -> None:
        """Switch off the incidents whose time is over."""
        with self._writing():
            self._off(self._due(), "expiry")

    def clear_journal(self) -> int:
        """Clear the journal and return its lines. Raises OSError, or Problem if an incident is on: a restart needs its line."""
        with self._writing():
            on = sorted(name for name, state in self._states.items() if state.switch.on)
            if on:
                raise Problem(409, f"{', '.join(on)} must be off first: DELETE /chaos.")
            return self._journal.clear()

    def wait_until_due(self) -> None:
        """Wait until an incident has to go off."""
        with self._changed:
            while not self.closed and not self._due():
                ends = [state.switch.until for state in self._states.values() if state.switch.on and state.switch.until]
                # At most a minute: the system clock may be changed.
                self._changed.wait(min([60.0, *(max(0.0, end - self._clock()) for end in ends)]))

    def close(self) -> None:
        """Wake all waiting polls, which return 503."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()

    def acknowledged(self, incident: str) -> list[str]:
        """Return the instances that have acknowledged an incident's state."""
        with self._changed:
            return self.followers.acks(self._needed([incident]), everyone=False).by

    def _off(self, incidents: list[str], by: By) -> Change:
        on = [name for name in incidents if self._states[name].switch.on]
        return self._change({name: Switch() for name in on}, by, also=incidents)

    def _due(self) -> list[str]:
        now = self._clock()
        return [name for name, state in self._states.items() if state.switch.on and not state.switch.holds(now)]

    @contextmanager
    def _writing(self) -> Iterator[None]:
        if not self._writer.acquire(timeout=_BUSY_S):
            raise Problem(503, f"Other changes have taken more than {_BUSY_S:.0f} s.", headers={"Retry-After": "1"})
        try:
            yield
        finally:
            self._writer.release()

    def _change(
        self, wanted: dict[str, Switch], by: By, *, also: Iterable[str] = (), everyone: bool = False, ignore: Iterable[str] = ()
    ) -> Change:
        began, at = time.monotonic(), self._clock()
        revision = self._raise(wanted)
        acks = self._await([*wanted, *also], everyone=everyone, ignore=frozenset(ignore))
        change = Change(revision, acks, round((time.monotonic() - began) * 1000, 1))
        if wanted:
            self._journal.append(self._line(name, switch, at, by, change) for name, switch in wanted.items())
        return change

    def _raise(self, wanted: Mapping[str, Switch]) -> int:
        with self._changed:
            if wanted:
                self._revision += 1
                for name, switch in wanted.items():
                    self._states[name] = State(switch, self._revision, self._clock())
                self._changed.notify_all()
            return self._revision

    def _await(self, incidents: list[str], *, everyone: bool, ignore: frozenset[str]) -> Acks:
        deadline = time.monotonic() + self.ack_timeout_s
        with self._changed:
            needed = self._needed(incidents)
            while True:
                acks = self.followers.acks(needed, everyone=everyone)
                left = deadline - time.monotonic()
                waited_for = [service for service, names in acks.silent.items() if not names or not ignore.issuperset(names)]
                if left <= 0 or not waited_for:
                    return acks
                self._changed.wait(min(left, _CHECK_EVERY_S))

    def _needed(self, incidents: Iterable[str]) -> dict[str, int]:
        needed: dict[str, int] = {}
        for name in incidents:
            for service in self.switchable[name].services:
                needed[service] = max(needed.get(service, 0), self._states[name].revision)
        return needed

    def _line(self, name: str, switch: Switch, at: float, by: By, change: Change) -> Line:
        services = self.switchable[name].services
        return Line(
            time=rfc3339_ms(at),
            incident=name,
            state="on" if switch.on else "off",
            revision=change.revision,
            probability=switch.probability,
            items=switch.items,
            until=None if switch.until is None else rfc3339_ms(switch.until),
            by=by,
            acknowledged_by=tuple(one for one in change.acks.by if one.partition("/")[0] in services),
            ack_ms=change.ms,
        )


@contextmanager
def expiring(board: Board) -> Iterator[None]:
    """Switch expired incidents off in a thread; close the board at the end."""

    def run() -> None:
        while True:
            board.wait_until_due()
            if board.closed:
                return
            try:
                board.expire()
            except (Problem, OSError) as error:
                log.warning("cannot switch an expired incident off: %s", error)

    thread = threading.Thread(target=run, name="expiry", daemon=True)
    thread.start()
    try:
        yield
    finally:
        board.close()
        thread.join(timeout=1)
