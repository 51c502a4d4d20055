"""The blind exercise, whose incident is secret until the end."""

import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from console.board.board import Board
from vshop.incidents.incident import Incident
from vshop.incidents.loader import EXERCISES
from vshop.incidents.scoring import score, truths
from vshop.incidents.telemetry_fault import TelemetryFault, load_telemetry_faults
from vshop.kit.chaos.switches import Switch
from vshop.kit.demo_data import ITEMS
from vshop.kit.http.problems import Problem
from vshop.kit.times import rfc3339_ms

Diagnosis = Mapping[str, str]
_ASPECTS = ("service", "component", "errorType")
COMPLAINTS = {
    1: ("Nobody can order", "“I have just logged in, and it says that I have not.”"),
    2: ("Orders are confirmed, and nothing comes", "“You confirmed my order. Where is it?”"),
    3: ("Where does the time go?", "“It works, but my order arrives late.”"),
    4: ("What does it cost us?", "“It does not work.” “For me it does.”"),
    5: ("Nothing is red", "Users complain about orders that were sent but not handled. No span, log line or host is red."),
    6: ("The last umbrella", "“My order was confirmed, but the stock did not change.”"),
    7: ("Red spans in orders that went well", "“There are red spans everywhere!”"),
    8: ("The trace ends, the order goes on", "The alert says that orders are not handled. No user complains."),
    11: ("The picture lies", "“Your consumer died in the middle of my order: look at the trace!”"),
    12: ("The missing trace", "“My order never arrived, and your support says that there is no such order.”"),
}
"""Title and complaint, as docs/workshop/attendee.md has them."""

Exercised = Incident | TelemetryFault

_FEW = 10


class Exercise:
    """At most one at a time."""

    def __init__(
        self,
        board: Board,
        choose: Callable[[Sequence[str]], str] = random.choice,
        place_clean_order: Callable[[int], str | None] = lambda _item_id: None,
        alter_telemetry: Callable[[TelemetryFault | None], None] = lambda _fault: None,
    ) -> None:
        """Make the exercise.

        ``place_clean_order`` orders an item and returns the trace id. ``alter_telemetry`` switches all telemetry faults off and
        one on.
        """
        self._alter_telemetry = alter_telemetry
        self._place_clean_order = place_clean_order
        self._clean_trace_id: str | None = None
        self._board = board
        self._catalogue: Mapping[str, Exercised] = {**load_telemetry_faults(), **board.catalogue}
        self._choose = choose
        self._truths = truths(self._catalogue)
        right = [truth.right for truth in self._truths.values()]
        self._choices = {name: sorted({value for one in right for value in one.get(name, ())}) for name in _ASPECTS}
        self._lock = threading.RLock()
        self._current: Exercised | None = None
        self._last: dict[str, Any] | None = None
        self._number: int | None = None
        self._since = 0.0
        self._hints = 0
        self._attempts: list[dict[str, Any]] = []

    @property
    def running(self) -> bool:
        """Whether an exercise is in progress."""
        return self._current is not None

    def incident(self) -> Exercised | None:
        """Return the current incident. Never send it to a client."""
        return self._current

    def begin(self, level: int | None = None, number: int | None = None) -> None:
        """Switch all off, place a clean order to compare with, and switch one on. One without a switch needs its trigger.

        ``level``: difficulty of a random incident, 1 to 3. ``number``: a workshop's exercise instead. Raises Problem, or OSError
        if a switch was not changed.
        """
        with self._lock:
            chosen = EXERCISES[number] if number else self._choose(self._candidates(level))
            incident, states = self._catalogue[chosen], self._board.snapshot().states
            self._current = None  # even if this start fails
            self._board.turn_off([name for name, state in states.items() if state.switch.on], "reset")
            self._alter_telemetry(None)
            self._clean_trace_id = self._place_clean_order(_ordered_item(incident))
            if chosen in states and self._board.turn_on(chosen, Switch(on=True)).acks.silent:
                raise Problem(504, "A service did not acknowledge the switch, so no exercise started. Check with `vshop status`.")
            if isinstance(incident, TelemetryFault):
                self._alter_telemetry(incident)
            self._current, self._since, self._hints, self._attempts = incident, time.time(), 0, []
            self._number, self._last = number, None

    def hint(self) -> None:
        """Reveal the next hint."""
        with self._lock:
            self._hints = min(self._hints + 1, len(self._required().workshop.hints))

    def attempt(self, given: Diagnosis) -> None:
        """Score a diagnosis (empty: nothing is wrong), which ends the exercise if it is correct. Raises Problem."""
        with self._lock:
            incident = self._required()
            for name, choices in self._choices.items():
                if given.get(name, choices[0]) not in choices:
                    detail = f"{name}: {given[name][:60]!r} is not a possible answer. Choose one of {', '.join(choices)}."
                    raise Problem(400, detail, field=name)
            case = score({incident.id: [given] if given else []}, self._truths).cases[0]
            right = {name: aspect.rank == 1 for name, aspect in case.aspects.items()} if given else {}
            solved = bool(case.right) if not incident.fault else bool(right) and all(right.get(name) for name in _ASPECTS)
            shown = right if incident.fault else dict.fromkeys(given, False)
            self._attempts.append({"given": dict(given), "right": shown, "solved": solved})
            if solved:
                self._end(solved=True)

    def give_up(self) -> None:
        """End without a correct diagnosis."""
        with self._lock:
            self._required()
            self._end(solved=False)

    def view(self) -> dict[str, Any]:
        """Return JSON, which names the incident only after its end."""
        with self._lock:
            current = self._current
            return {
                "running": current is not None,
                "cleanTraceId": self._clean_trace_id if current else None,
                "since": rfc3339_ms(self._since) if current else None,
                "number": self._number if current else None,
                "complaint": COMPLAINTS[self._number][1] if current and self._number else None,
                "level": current.workshop.level if current else None,
                "hints": list(current.workshop.hints[: self._hints]) if current else [],
                "hintsLeft": len(current.workshop.hints) - self._hints if current else 0,
                "attempts": list(self._attempts),
                "last": self._last,
                "choices": self._choices,
                "numbered": [{"number": number, "title": title} for number, (title, _) in COMPLAINTS.items()],
            }

    def _required(self) -> Exercised:
        if self._current is None:
            raise Problem(409, "No exercise is in progress. Start one first.")
        return self._current

    def _end(self, *, solved: bool) -> None:
        incident = self._required()
        if isinstance(incident, TelemetryFault):
            self._alter_telemetry(None)
        if incident.id in self._board.snapshot().states:
            self._board.turn_off([incident.id])  # if this fails, the exercise continues
        self._last = {
            "id": incident.id,
            "title": incident.title,
            "story": incident.story,
            "solved": solved,
            "attempts": len(self._attempts),
            "hintsUsed": self._hints,
            "seconds": round(time.time() - self._since),
            **root_cause_view(incident),
        }
        self._current = None

    def _candidates(self, level: int | None) -> list[str]:
        fitting = [name for name in self._board.switchable if level in {None, self._catalogue[name].workshop.level}]
        previous = self._last["id"] if self._last else None
        return [name for name in fitting if name != previous] or fitting


def root_cause_view(incident: Exercised) -> dict[str, Any]:
    """Return the root cause, or why nothing is wrong, and the recovery."""
    cause = incident.root_cause
    return {
        "cause": cause and {"service": cause.service, "component": cause.component, "reason": cause.reason, "code": cause.code},
        "harmless": incident.harmless,
        "rollback": incident.rollback,
        "errorType": incident.answer.error_type if incident.answer else None,
    }


def _ordered_item(incident: Exercised) -> int:
    """The trigger's item, so that a clean order differs in the fault only; 0 if few are left."""
    item_id = next(step.order.item_id for step in incident.trigger.steps if step.order)
    return item_id if ITEMS[item_id].stock > _FEW else 0
