"""Blind mode: one incident, picked by chance, is on; which one only the server knows until it is answered or given up."""

import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from console import moments
from console.board import Board
from console.page.incident_words import answer
from vshop.incidents.exercises import EXERCISES
from vshop.incidents.incident import Incident
from vshop.incidents.scoring import score
from vshop.incidents.truth import truths
from vshop.kit.chaos import Switch

Candidate = Mapping[str, str]
_ASPECTS = ("service", "component", "errorType")


class NothingRunsError(Exception):
    """There is no exercise to answer or to end."""


class SilentError(Exception):
    """A service did not take the switch over, so that the exercise was not begun."""


class Exercise:
    """At most one exercise at a time."""

    def __init__(
        self,
        board: Board,
        catalogue: Mapping[str, Incident],
        choose: Callable[[Sequence[str]], str] = random.choice,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Args: board: turns the switch. catalogue: the incidents. choose: picks one. clock: seconds since the epoch."""
        self._board = board
        self._all = catalogue
        self._choose = choose
        self._clock = clock
        self._truths = truths(catalogue)
        self._lock = threading.RLock()
        self._current: Incident | None = None
        self._last: dict[str, Any] | None = None
        self._since = 0.0
        self._hints = 0
        self._attempts: list[dict[str, Any]] = []

    @property
    def running(self) -> bool:
        """Whether one is under way."""
        return self._current is not None

    def incident(self) -> Incident | None:
        """Return the one that is looked for: for the server's own use."""
        return self._current

    def begin(self, level: int | None = None, number: int | None = None) -> None:
        """Switch an incident on, all others off. One that its trigger alone brings about has no switch, and needs none.

        Args:
            level: how hard, from 1 to 3; any when not given.
            number: of an exercise of the workshop, instead of one by chance.

        Raises:
            SilentError: a service did not take it over.
            BoardBusyError, OSError: as the board does.
        """
        with self._lock:
            chosen = EXERCISES[number - 1] if number else self._choose(self._fit(level))
            states = self._board.snapshot().states
            self._current = None  # whatever comes of this, the one of before is off
            self._board.turn_off([name for name, state in states.items() if state.switch.on], "reset")
            if chosen in states and self._board.turn_on(chosen, Switch(on=True)).acks.silent:
                raise SilentError("A service did not answer the board in time: the exercise was not begun. Is the shop up?")
            self._current, self._since, self._hints, self._attempts = self._all[chosen], self._clock(), 0, []
            self._last = None

    def hint(self) -> None:
        """Give the next hint, if there is one more."""
        with self._lock:
            self._hints = min(self._hints + 1, len(self._needed().workshop.hints))

    def attempt(self, given: Candidate) -> None:
        """Score a diagnosis; a right one ends the exercise.

        Args:
            given: ``service``, ``component``, ``errorType``; empty when nothing is said to be wrong.
        """
        with self._lock:
            incident = self._needed()
            case = score({incident.id: [given] if given else []}, self._truths).cases[0]
            right = {name: aspect.rank == 1 for name, aspect in case.aspects.items()} if given else {}
            solved = bool(case.right) if not incident.fault else bool(right) and all(right.get(name) for name in _ASPECTS)
            told = right if incident.fault else dict.fromkeys(given, False)
            self._attempts.append({"given": dict(given), "right": told, "solved": solved})
            if solved:
                self._end(solved=True)

    def give_up(self) -> None:
        """End the exercise and tell what it was."""
        with self._lock:
            self._needed()
            self._end(solved=False)

    def told(self) -> dict[str, Any]:
        """Tell how it stands; what is on only when it is over."""
        with self._lock:
            current = self._current
            return {
                "running": current is not None,
                "since": moments.written(self._since) if current else None,
                "level": current.workshop.level if current else None,
                "hints": list(current.workshop.hints[: self._hints]) if current else [],
                "hintsLeft": len(current.workshop.hints) - self._hints if current else 0,
                "attempts": list(self._attempts),
                "last": self._last,
                "choices": self._choices(),
            }

    def _needed(self) -> Incident:
        if self._current is None:
            raise NothingRunsError("No exercise is under way.")
        return self._current

    def _end(self, *, solved: bool) -> None:
        incident = self._needed()
        if incident.id in self._board.snapshot().states:
            self._board.turn_off([incident.id])  # first: an exercise that cannot be ended goes on
        self._last = {
            "id": incident.id,
            "title": incident.title,
            "story": incident.story,
            "solved": solved,
            "attempts": len(self._attempts),
            "hintsUsed": self._hints,
            "seconds": round(self._clock() - self._since),
            **answer(incident),
        }
        self._current = None

    def _fit(self, level: int | None) -> list[str]:
        def fits(incident: Incident) -> bool:
            switchable = self._board.listed[incident.id].switchable if incident.id in self._board.listed else False
            return switchable and (level is None or incident.workshop.level == level)

        before = self._last["id"] if self._last else None
        return [name for name, one in self._all.items() if fits(one) and name != before] or [
            n for n, one in self._all.items() if fits(one)
        ]

    def _choices(self) -> dict[str, list[str]]:
        """What an answer may say: every incident's values, so that the lists tell nothing of this one."""
        right = [truth.right for truth in self._truths.values()]
        return {name: sorted({value for one in right for value in one.get(name, ())}) for name in _ASPECTS}
