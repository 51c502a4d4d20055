"""The blind exercise: the server keeps the secret, scores, and cleans up."""

from collections.abc import Sequence

import pytest

from console.board import Board
from console.journal import Journal
from console.listed import from_catalogue
from console.page.exercise import Exercise, NothingRunsError, SilentError
from vshop.incidents.exercises import EXERCISES
from vshop.incidents.loader import load_catalogue

CATALOGUE = load_catalogue()


def _exercise(board: Board, chosen: str) -> Exercise:
    def choose(ids: Sequence[str]) -> str:
        assert chosen in ids
        return chosen

    return Exercise(board, CATALOGUE, choose)


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> Board:
    """A board whose changes nobody has to acknowledge."""
    made = Board(from_catalogue(CATALOGUE), Journal(None), ack_timeout_s=0.01)
    monkeypatch.setattr(made, "_needed", lambda _: {})
    return made


def test_it_switches_one_on_and_says_not_which(board: Board) -> None:
    exercise = _exercise(board, "pricing-type-error")
    exercise.begin()

    assert board.snapshot().states["pricing-type-error"].switch.on
    assert "pricing-type-error" not in str(exercise.told())


def test_hints_are_given_one_by_one(board: Board) -> None:
    exercise = _exercise(board, "pricing-type-error")
    exercise.begin()
    hints = CATALOGUE["pricing-type-error"].workshop.hints
    for count in range(len(hints) + 2):
        assert exercise.told()["hints"] == hints[:count]
        exercise.hint()


def test_a_wrong_answer_goes_on_and_a_right_one_ends_it(board: Board) -> None:
    exercise = _exercise(board, "pricing-type-error")
    exercise.begin()
    exercise.attempt({"service": "orders", "component": "kafka", "errorType": "TypeError"})
    assert exercise.told()["attempts"][0]["right"] == {"service": True, "component": False, "errorType": True}
    assert exercise.running

    exercise.attempt({"service": "orders", "component": "orders/pricing", "errorType": "TypeError"})

    assert exercise.told()["last"]["solved"]
    assert not board.snapshot().states["pricing-type-error"].switch.on


def test_a_part_of_the_answer_is_not_enough(board: Board) -> None:
    exercise = _exercise(board, "pricing-type-error")
    exercise.begin()
    exercise.attempt({"service": "orders"})

    assert exercise.running


def test_of_a_look_alike_it_is_right_to_say_that_nothing_is_wrong(board: Board) -> None:
    exercise = _exercise(board, "stock-slow-but-healthy")
    exercise.begin()
    exercise.attempt({"service": "orders"})
    assert exercise.running

    exercise.attempt({})

    assert exercise.told()["last"]["solved"]


def test_of_a_fault_it_is_not(board: Board) -> None:
    exercise = _exercise(board, "pricing-type-error")
    exercise.begin()
    exercise.attempt({})

    assert exercise.running


def test_giving_up_tells_what_it_was(board: Board) -> None:
    exercise = _exercise(board, "pricing-type-error")
    exercise.begin()
    exercise.give_up()

    assert exercise.told()["last"]["id"] == "pricing-type-error"
    with pytest.raises(NothingRunsError):
        exercise.give_up()


def test_it_does_not_begin_when_a_service_is_silent() -> None:
    silent = Board(from_catalogue(CATALOGUE), Journal(None), ack_timeout_s=0.01)
    exercise = _exercise(silent, "pricing-type-error")
    with pytest.raises(SilentError):
        exercise.begin()

    assert not exercise.running


def test_one_that_does_not_begin_leaves_none_of_before(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    """All switches are off: nothing is left that could be answered."""
    exercise = _exercise(board, "pricing-type-error")
    exercise.begin()
    monkeypatch.undo()

    with pytest.raises(SilentError):
        exercise.begin()

    assert not exercise.running
    assert not any(state.switch.on for state in board.snapshot().states.values())


def test_one_that_cannot_be_switched_off_goes_on(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not told over while its incident is on."""
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


@pytest.mark.parametrize("number", range(1, len(EXERCISES) + 1))
def test_an_exercise_of_the_workshop_is_begun_by_its_number(board: Board, number: int) -> None:
    """All of them, those without a switch included; their names are not told."""
    exercise = Exercise(board, CATALOGUE)
    exercise.begin(number=number)
    chosen = EXERCISES[number - 1]

    assert exercise.incident() is CATALOGUE[chosen]
    assert [name for name, state in board.snapshot().states.items() if state.switch.on] == (
        [chosen] if CATALOGUE[chosen].switch else []
    )
    assert chosen not in str(exercise.told())
    exercise.give_up()
    assert not exercise.running


def test_the_workshop_gets_no_easier() -> None:
    """The flagships come first: both are worked through together."""
    levels = [CATALOGUE[one].workshop.level for one in EXERCISES]

    assert levels[:2] == [1, 2]
    assert levels[2:] == sorted(levels[2:])
