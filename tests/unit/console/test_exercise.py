from collections.abc import Sequence
from pathlib import Path

import pytest

from console.board.board import Board
from console.board.journal import Journal
from console.page.exercise import COMPLAINTS, Exercise
from vshop.incidents.loader import EXERCISES, load_catalogue
from vshop.incidents.telemetry_fault import load_telemetry_faults
from vshop.kit.http.problems import Problem

CATALOGUE = load_catalogue()
ALL = CATALOGUE | load_telemetry_faults()


def _exercise(board: Board, chosen: str) -> Exercise:
    def choose(ids: Sequence[str]) -> str:
        assert chosen in ids
        return chosen

    return Exercise(board, choose)


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> Board:
    made = Board(CATALOGUE, Journal(None), ack_timeout_s=0.01)
    monkeypatch.setattr(made, "_needed", lambda _: {})
    return made


def test_begin_switches_an_incident_on_and_hides_its_id(board: Board) -> None:
    exercise = _exercise(board, "pricing-type-error")
    exercise.begin()

    assert board.snapshot().states["pricing-type-error"].switch.on
    assert "pricing-type-error" not in str(exercise.view())


def test_hints_are_revealed_one_by_one(board: Board) -> None:
    exercise = _exercise(board, "pricing-type-error")
    exercise.begin()
    hints = CATALOGUE["pricing-type-error"].workshop.hints
    for count in range(len(hints) + 2):
        assert exercise.view()["hints"] == hints[:count]
        exercise.hint()


def test_only_a_correct_diagnosis_ends_the_exercise(board: Board) -> None:
    exercise = _exercise(board, "pricing-type-error")
    exercise.begin()
    exercise.attempt({"service": "orders", "component": "kafka", "errorType": "TypeError"})
    assert exercise.view()["attempts"][0]["right"] == {"service": True, "component": False, "errorType": True}
    assert exercise.running

    exercise.attempt({"service": "orders", "component": "orders/pricing", "errorType": "TypeError"})

    assert exercise.view()["last"]["solved"]
    assert not board.snapshot().states["pricing-type-error"].switch.on


def test_a_partial_diagnosis_is_not_enough(board: Board) -> None:
    exercise = _exercise(board, "pricing-type-error")
    exercise.begin()
    exercise.attempt({"service": "orders"})

    assert exercise.running


def test_an_empty_diagnosis_solves_a_near_miss_twin(board: Board) -> None:
    exercise = _exercise(board, "stock-slow-but-healthy")
    exercise.begin()
    exercise.attempt({"service": "orders"})
    assert exercise.running

    exercise.attempt({})

    assert exercise.view()["last"]["solved"]


def test_an_empty_diagnosis_does_not_solve_a_fault(board: Board) -> None:
    exercise = _exercise(board, "pricing-type-error")
    exercise.begin()
    exercise.attempt({})

    assert exercise.running


def test_giving_up_reveals_the_incident(board: Board) -> None:
    exercise = _exercise(board, "pricing-type-error")
    exercise.begin()
    exercise.give_up()

    assert exercise.view()["last"]["id"] == "pricing-type-error"
    with pytest.raises(Problem, match="No exercise is in progress"):
        exercise.give_up()


def test_it_does_not_start_without_acknowledgement() -> None:
    silent = Board(CATALOGUE, Journal(None), ack_timeout_s=0.01)
    exercise = _exercise(silent, "pricing-type-error")
    with pytest.raises(Problem, match="did not acknowledge"):
        exercise.begin()

    assert not exercise.running


def test_a_failed_start_ends_the_previous_exercise(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    exercise = _exercise(board, "pricing-type-error")
    exercise.begin()
    monkeypatch.undo()

    with pytest.raises(Problem, match="did not acknowledge"):
        exercise.begin()

    assert not exercise.running
    assert not any(state.switch.on for state in board.snapshot().states.values())


def test_an_exercise_that_cannot_be_switched_off_continues(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    exercise = _exercise(board, "pricing-type-error")
    exercise.begin()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(board, "turn_off", full)
        with pytest.raises(OSError, match="No space"):
            exercise.give_up()
    assert exercise.running

    exercise.give_up()

    assert not exercise.running


@pytest.mark.parametrize("number", EXERCISES)
def test_a_workshop_exercise_starts_by_number(board: Board, number: int) -> None:
    altered: list[str | None] = []
    exercise = Exercise(board, alter_telemetry=lambda fault: altered.append(fault and fault.id))
    exercise.begin(number=number)
    chosen = EXERCISES[number]

    assert exercise.incident() == ALL[chosen]
    assert altered == ([None] if chosen in CATALOGUE else [None, chosen])
    assert [name for name, state in board.snapshot().states.items() if state.switch.on] == ([chosen] if ALL[chosen].switch else [])
    assert chosen not in str(exercise.view())
    exercise.give_up()
    assert not exercise.running
    assert altered[-1] is None


def test_the_workshop_gets_harder() -> None:
    """Except the first two, which the workshop solves together."""
    levels = [ALL[one].workshop.level for one in EXERCISES.values()]

    assert levels[:2] == [1, 2]
    assert levels[2:] == sorted(levels[2:])


def test_the_complaints_are_those_of_the_attendees_guide(board: Board) -> None:
    guide = " ".join((Path(__file__).parents[3] / "docs/workshop/attendee.md").read_text(encoding="utf-8").split())

    assert COMPLAINTS.keys() == EXERCISES.keys()
    for number, (title, complaint) in COMPLAINTS.items():
        assert f"## {number}. {title}" in guide
        assert complaint.replace("“", '"').replace("”", '"') in guide
        exercise = Exercise(board)
        exercise.begin(number=number)
        assert (exercise.view()["number"], exercise.view()["complaint"]) == (number, complaint)


def test_an_unknown_value_is_refused_and_not_counted(board: Board) -> None:
    exercise = _exercise(board, "pricing-type-error")
    exercise.begin()
    with pytest.raises(Problem, match="Choose one of"):
        exercise.attempt({"service": "ordres"})

    assert exercise.view()["attempts"] == []


def test_a_clean_order_is_placed_before_the_incident_is_on(board: Board) -> None:
    on: list[list[str]] = []
    ordered: list[int] = []

    def place(item_id: int) -> str:
        ordered.append(item_id)
        on.append([name for name, state in board.snapshot().states.items() if state.switch.on])
        return "a" * 32

    exercise = Exercise(board, place_clean_order=place)
    exercise.begin(number=2)

    assert (on, ordered) == ([[]], [CATALOGUE[EXERCISES[2]].trigger.steps[0].order.item_id])
    assert exercise.view()["cleanTraceId"] == "a" * 32
