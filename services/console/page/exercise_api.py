"""The exercise over HTTP: begin, hint, answer, give up. Every answer is how it then stands."""

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from flask import Blueprint

from console.board import BoardBusyError
from console.page import asked
from console.page.exercise import Exercise, NothingRunsError, SilentError
from vshop.incidents.exercises import EXERCISES
from vshop.kit.problems import Problem


class _Begin(msgspec.Struct, forbid_unknown_fields=True):
    level: Annotated[int, msgspec.Meta(ge=1, le=3)] | None = None
    number: Annotated[int, msgspec.Meta(ge=1, le=len(EXERCISES))] | None = None


class _Answer(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    service: str = ""
    component: str = ""
    error_type: str = ""


def blueprint(exercise: Exercise) -> Blueprint:
    """Make ``/api/exercise``.

    Args:
        exercise: the one.
    """
    api = Blueprint("exercise", __name__)

    def done(step: Callable[[], None]) -> dict[str, Any]:
        try:
            step()
        except NothingRunsError as error:
            raise Problem(409, str(error)) from error
        except SilentError as error:
            raise Problem(504, str(error)) from error
        except (BoardBusyError, OSError) as error:
            raise Problem(503, f"The board cannot turn its switches: {error}") from error
        return exercise.told()

    @api.get("/api/exercise")
    def now() -> dict[str, Any]:
        return exercise.told()

    @api.post("/api/exercise")
    def begin() -> dict[str, Any]:
        wanted = asked.body(_Begin)
        return done(lambda: exercise.begin(wanted.level, wanted.number))

    @api.post("/api/exercise/hint")
    def hint() -> dict[str, Any]:
        return done(exercise.hint)

    @api.post("/api/exercise/answer")
    def attempt() -> dict[str, Any]:
        given = asked.body(_Answer)
        fields = {"service": given.service, "component": given.component, "errorType": given.error_type}
        return done(lambda: exercise.attempt({name: value for name, value in fields.items() if value}))

    @api.delete("/api/exercise")
    def give_up() -> dict[str, Any]:
        return done(exercise.give_up)

    return api
