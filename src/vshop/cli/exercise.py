"""``vshop exercise``."""

import difflib
from typing import Annotated, Any

import typer
from rich.markup import escape

from vshop.cli.output import Steps, command, out
from vshop.incidents.loader import EXERCISES
from vshop.shop.addresses import find
from vshop.shop.client import ShopClient

app = typer.Typer(no_args_is_help=True, add_completion=False)

_NAMES = {"service": "service", "component": "part", "errorType": "error"}


@command(app)
def begin(
    number: Annotated[
        int | None, typer.Argument(min=1, max=max(EXERCISES), help="Number of a workshop exercise (default: a random one)")
    ] = None,
    *,
    level: Annotated[int | None, typer.Option(min=1, max=3, help="Pick a random exercise of this difficulty")] = None,
) -> Steps:
    """Start an exercise: switch on a fault for all requests without naming it."""
    if number not in {None, *EXERCISES}:
        raise typer.BadParameter(f"Exercise {number} is described in docs/workshop/attendee.md, and not started by number.")
    now = ShopClient(find()).exercise("POST", number=number, level=level)
    yield now
    out.print(f"{f'Exercise {number}' if number else 'An exercise'} is on (level {now['level']}). Users complain. What is wrong?")
    if now.get("cleanTraceId"):
        out.print(f"A clean order from before: vshop trace {now['cleanTraceId']}", soft_wrap=True)
    out.print("\nPlace orders, look at the signals, then: vshop exercise answer --service … --part … --error …   or   --nothing")
    out.print("Possible answers: vshop exercise status   A hint: vshop exercise hint   The solution: vshop exercise give-up")


@command(app, "status")
def progress() -> Steps:
    """Show the exercise's progress and the possible answers."""
    now = ShopClient(find()).exercise()
    yield now
    out.print(f"An exercise is under way, answers: {len(now['attempts'])}." if now["running"] else "No exercise is under way.")
    for name, choices in now["choices"].items():
        out.print(f"[dim]{_NAMES[name]:<8}[/] {escape(', '.join(choices))}", soft_wrap=True)


@command(app)
def hint() -> Steps:
    """Show one more hint."""
    now = ShopClient(find()).exercise("POST", "/hint")
    yield now
    for number, text in enumerate(now["hints"], 1):
        out.print(f"  {number}. {escape(text)}")
    out.print(f"[dim]{now['hintsLeft']} left[/]")


@command(app)
def answer(
    *,
    service: Annotated[str, typer.Option("--service", "-s", help="Service that is at fault")] = "",
    part: Annotated[str, typer.Option("--part", "-p", help="Component of the service, e.g. dynamodb/item-stock")] = "",
    error: Annotated[str, typer.Option("--error", "-e", help="Its error.type, or `none` if there is no error")] = "",
    nothing: Annotated[bool, typer.Option("--nothing", help="Answer that nothing is wrong")] = False,
) -> Steps:
    """Submit an answer. A correct answer ends the exercise and switches the fault off."""
    given = {"service": service, "component": part, "errorType": error}
    if any(given.values()) if nothing else not all(given.values()):
        raise typer.BadParameter("Give --service, --part and --error, or --nothing. `vshop exercise status` lists the choices.")
    client = ShopClient(find())
    if not nothing:
        _check_words(given, client.exercise()["choices"])
    now = client.exercise("POST", "/answer", **given)
    yield now
    if now["running"]:
        _print_attempt(now["attempts"][-1])
    else:
        _print_solution(now["last"])


def _check_words(given: dict[str, str], choices: dict[str, list[str]]) -> None:
    """Refuse a word that is no possible answer: it would count as a wrong one."""
    for name, value in given.items():
        if value not in choices[name]:
            near = difflib.get_close_matches(value, choices[name], n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            message = f"{value!r} is not a possible {_NAMES[name]}.{hint} `vshop exercise status` lists them; nothing was counted."
            raise typer.BadParameter(message, param_hint=f"--{_NAMES[name]}")


@command(app, "give-up")
def give_up() -> Steps:
    """End the exercise and show the solution."""
    now = ShopClient(find()).exercise("DELETE")
    yield now
    _print_solution(now["last"])


def _print_attempt(attempt: dict[str, Any]) -> None:
    given, right = attempt["given"], attempt["right"]
    if not given:
        out.print("[red]✖[/] Something is wrong, though.")
    for name, value in given.items():
        out.print(f"{'[green]✔[/]' if right.get(name) else '[red]✖[/]'} {_NAMES[name]:<8} {escape(value)}")
    out.print("Not yet.")


def _print_solution(last: dict[str, Any]) -> None:
    out.print(f"{'[green]✔ Right.[/]' if last['solved'] else 'It was:'} [bold]{escape(last['title'])}[/]  [dim]{last['id']}[/]\n")
    out.print(escape(last["story"]))
    cause = last.get("cause")
    if cause:
        out.print(f"\nCause: {escape(cause['reason'])} ({escape(cause['service'])}, {escape(cause['component'])})")
    if last.get("harmless"):
        out.print(f"\nNothing is wrong: {escape(last['harmless'])}")
    out.print(f"\n[dim]{last['seconds']} s, answers: {last['attempts']}, hints: {last['hintsUsed']}. The fault is off again.[/]")
