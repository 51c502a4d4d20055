"""The chaos board: the one writer of which incidents are on. A change is done when every service concerned has taken it over."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

import msgspec

from console import moments
from console.followers import Acks, Followers
from console.journal import By, Journal, Line
from console.listed import Listed
from vshop.kit.chaos import Switch

_BUSY_S = 10.0
_LOOK_S = 0.05
"""How often, while acknowledgements are awaited, it is looked who has hung up."""


class BoardBusyError(Exception):
    """Other changes took so long that this one was not begun."""


class StillOnError(Exception):
    """The journal cannot begin anew while an incident is on."""


class State(msgspec.Struct, frozen=True):
    """One incident's switch, and since when it stands so."""

    switch: Switch = Switch()
    revision: int = 0
    since: float | None = None


class Snapshot(NamedTuple):
    """All switches at one revision."""

    revision: int
    states: Mapping[str, State]


class Change(NamedTuple):
    """How a change went."""

    revision: int
    acks: Acks
    ms: float


class Board:
    """Holds the switches. Changes are made one after the other; reading never waits for them."""

    def __init__(
        self,
        listed: Mapping[str, Listed],
        journal: Journal,
        *,
        ack_timeout_s: float = 2.0,
        clock: Callable[[], float] = time.time,
        held_polls: int = 48,
    ) -> None:
        """Begin with the state in which the journal ends.

        Args:
            listed: the incidents, those without a switch included.
            journal: takes a line for each change.
            ack_timeout_s: how long the services get to acknowledge a change.
            clock: seconds since the epoch.
            held_polls: how many polls are held at the same time; more are answered at once.
        """
        self.listed = listed
        self.ack_timeout_s = ack_timeout_s
        self._journal = journal
        self._clock = clock
        self._writer = threading.Lock()
        self._changed = threading.Condition()
        self.followers = Followers({service for one in listed.values() for service in one.services}, self._changed)
        self._states = {name: State() for name, one in listed.items() if one.switchable}
        self._revision = max((line.revision for line in journal.latest.values()), default=0)
        self._free_polls = held_polls
        self.closed = False
        for name, line in journal.latest.items():
            if name in self._states and line.state == "on":
                self._states[name] = State(line.switch(), line.revision, moments.read(line.time))

    def snapshot(self) -> Snapshot:
        """Return all switches as they are."""
        with self._changed:
            return Snapshot(self._revision, dict(self._states))

    def alive(self) -> dict[str, int]:
        """Return the instances that follow, with the revision each has taken over."""
        with self._changed:
            return self.followers.alive()

    def wait_beyond(self, revision: int, seconds: float) -> None:
        """Wait until there is another revision; not at all when too many wait already."""
        with self._changed:
            if self._free_polls <= 0:
                return
            self._free_polls -= 1
            try:
                self._changed.wait_for(lambda: self.closed or self._revision != revision, seconds)
            finally:
                self._free_polls += 1

    def turn_on(self, incident: str, switch: Switch) -> Change:
        """Switch an incident on; where a service does not acknowledge that in time, put it back as it was.

        Returns:
            The change; it is undone if somebody was silent.

        Raises:
            BoardBusyError: nothing was changed.
            OSError: the journal cannot be written; nothing stays changed.
        """
        with self._writing():
            before = self._states[incident]
            back = before.switch if before.switch.holds(self._clock()) else Switch()
            try:
                change = self._change({incident: switch}, "api", everyone=True)
            except OSError:
                self._raise({incident: back})
                raise
            if change.acks.silent:
                # Who was silent is not waited for again: 504 comes after one timeout, not two.
                silent = {name for names in change.acks.silent.values() for name in names}
                self._change({incident: back}, "rollback", besides=silent)
            return change

    def turn_off(self, incidents: Iterable[str], by: By = "api") -> Change:
        """Switch incidents off; they stay off even if somebody is silent.

        A service that does not run has nothing to acknowledge.
        """
        with self._writing():
            return self._off(list(incidents), by)

    def expire(self) -> None:
        """Switch off what has been on for as long as it was asked for."""
        with self._writing():
            due = self._due()
            if due:
                self._off(due, "expiry")

    def begin_journal_anew(self) -> int:
        """Let the journal begin anew; returns how many lines it held. Raises BoardBusyError and OSError as :meth:`turn_on` does.

        Raises:
            StillOnError: something is on: its begin would be gone from the journal that a board is restored from.
        """
        with self._writing():
            on = sorted(name for name, state in self._states.items() if state.switch.on)
            if on:
                raise StillOnError(f"{', '.join(on)} must be off first: DELETE /chaos.")
            return self._journal.begin_anew()

    def wait_until_due(self) -> None:
        """Wait until something is to expire, or the board is closed."""
        with self._changed:
            while not self.closed and not self._due():
                ends = [state.switch.until for state in self._states.values() if state.switch.on and state.switch.until]
                # Not for ever: the clock of the wall may be set.
                self._changed.wait(min([60.0, *(max(0.0, end - self._clock()) for end in ends)]))

    def close(self) -> None:
        """Answer all who wait."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()

    def acknowledged(self, incident: str) -> list[str]:
        """Name the instances that have taken an incident's switch over as it is."""
        with self._changed:
            return self.followers.acks(self._needed([incident]), everyone=False).by

    def _off(self, incidents: list[str], by: By) -> Change:
        on = [name for name in incidents if self._states[name].switch.on]
        return self._change({name: Switch() for name in on}, by, asked=incidents)

    def _due(self) -> list[str]:
        now = self._clock()
        return [name for name, state in self._states.items() if state.switch.on and not state.switch.holds(now)]

    @contextmanager
    def _writing(self) -> Iterator[None]:
        if not self._writer.acquire(timeout=_BUSY_S):
            raise BoardBusyError(f"Other changes have taken more than {_BUSY_S:.0f} s.")
        try:
            yield
        finally:
            self._writer.release()

    def _change(
        self, wanted: dict[str, Switch], by: By, *, asked: Iterable[str] = (), everyone: bool = False, besides: Iterable[str] = ()
    ) -> Change:
        """Raise the revision unless nothing is wanted, await who is concerned, and write it down."""
        began, at = time.monotonic(), self._clock()
        revision = self._raise(wanted)
        acks = self._await([*wanted, *asked], everyone=everyone, besides=frozenset(besides))
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

    def _await(self, incidents: list[str], *, everyone: bool, besides: frozenset[str]) -> Acks:
        deadline = time.monotonic() + self.ack_timeout_s
        with self._changed:
            needed = self._needed(incidents)
            while True:
                acks = self.followers.acks(needed, everyone=everyone)
                left = deadline - time.monotonic()
                waited_for = [service for service, names in acks.silent.items() if not names or not besides.issuperset(names)]
                if left <= 0 or not waited_for:
                    return acks
                self._changed.wait(min(left, _LOOK_S))

    def _needed(self, incidents: Iterable[str]) -> dict[str, int]:
        needed: dict[str, int] = {}
        for name in incidents:
            for service in self.listed[name].services:
                needed[service] = max(needed.get(service, 0), self._states[name].revision)
        return needed

    def _line(self, name: str, switch: Switch, at: float, by: By, change: Change) -> Line:
        services = self.listed[name].services
        return Line(
            time=moments.written(at),
            incident=name,
            state="on" if switch.on else "off",
            revision=change.revision,
            probability=switch.probability,
            items=switch.items,
            until=None if switch.until is None else moments.written(switch.until),
            by=by,
            acknowledged_by=tuple(one for one in change.acks.by if one.partition("/")[0] in services),
            ack_ms=change.ms,
        )
