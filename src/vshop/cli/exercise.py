"""``vshop exercise``: something is wrong, and only the server knows what."""

from typing import Annotated, Any

import typer
from rich.markup import escape

from vshop.cli.output import AsJson, out, print_json

app = typer.Typer(no_args_is_help=True, help="Find what is wrong: blind exercises, with hints and a score.")

_NAMES = {"service": "service", "component": "part", "errorType": "error"}


@app.command()
def begin(
    number: Annotated[int | None, typer.Argument(min=1, help="An exercise of the workshop; one by chance without it.")] = None,
    *,
    level: Annotated[int | None, typer.Option(min=1, max=3, help="By chance, but so hard: 1 to 3.")] = None,
    as_json: AsJson = False,
) -> None:
    """Begin an exercise: it is on for everybody, and nobody is told what it is."""
    wish = {name: value for name, value in (("number", number), ("level", level)) if value is not None}
    now = _client().exercise("POST", **wish)
    if as_json:
        print_json(now)
        return
    out.print(f"{f'Exercise {number}' if number else 'An exercise'} is on (level {now['level']}). Users complain. What is wrong?")
    _tell_next()


@app.command()
def status(*, as_json: AsJson = False) -> None:
    """Show how it stands, and what an answer may say."""
    now = _client().exercise()
    if as_json:
        print_json(now)
        return
    out.print(f"Under way, {len(now['attempts'])} answers so far." if now["running"] else "No exercise is under way.")
    for name, choices in now["choices"].items():
        out.print(f"[dim]{_NAMES[name]:<8}[/] {escape(', '.join(choices))}", soft_wrap=True)


@app.command()
def hint() -> None:
    """Give one more hint."""
    now = _client().exercise("POST", "/hint")
    for number, text in enumerate(now["hints"], 1):
        out.print(f"  {number}. {escape(text)}")
    out.print(f"[dim]{now['hintsLeft']} left[/]")


@app.command()
def answer(
    *,
    service: Annotated[str, typer.Option("--service", "-s", help="The service to blame.")] = "",
    part: Annotated[str, typer.Option("--part", "-p", help="Which part of it, e.g. dynamodb/item-stock.")] = "",
    error: Annotated[str, typer.Option("--error", "-e", help="Its error.type; `none` where nothing is an error.")] = "",
    nothing: Annotated[bool, typer.Option("--nothing", help="Nothing is wrong.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say what is wrong. A right answer ends the exercise and switches it off."""
    given = {"service": service, "component": part, "errorType": error}
    if nothing == any(given.values()):
        raise typer.BadParameter("say --service, --part and --error, or --nothing; `vshop exercise status` lists the choices.")
    now = _client().exercise("POST", "/answer", **given)
    if as_json:
        print_json(now)
    elif now["running"]:
        _tell_attempt(now["attempts"][-1])
    else:
        _tell_end(now["last"])


@app.command("give-up")
def give_up() -> None:
    """End the exercise and tell what it was."""
    _tell_end(_client().exercise("DELETE")["last"])


def _tell_next() -> None:
    out.print("\nOrder, look, and then: vshop exercise answer --service … --part … --error …   or   --nothing")
    out.print("What may be said: vshop exercise status   A hint: vshop exercise hint   The end: vshop exercise give-up")


def _tell_attempt(attempt: dict[str, Any]) -> None:
    given, right = attempt["given"], attempt["right"]
    if not given:
        out.print("[red]✖[/] Something is wrong, though.")
    for name, value in given.items():
        out.print(f"{'[green]✔[/]' if right.get(name) else '[red]✖[/]'} {_NAMES[name]:<8} {escape(value)}")
    out.print("Not yet.")


def _tell_end(last: dict[str, Any]) -> None:
    out.print(f"{'[green]✔ Right.[/]' if last['solved'] else 'It was:'} [bold]{escape(last['title'])}[/]  [dim]{last['id']}[/]\n")
    out.print(escape(last["story"]))
    cause = last.get("cause")
    if cause:
        out.print(f"\nCause: {escape(cause['reason'])} ({escape(cause['service'])}, {escape(cause['component'])})")
    if last.get("harmless"):
        out.print(f"\nNothing is wrong: {escape(last['harmless'])}")
    out.print(f"\n[dim]{last['seconds']} s, answers: {last['attempts']}, hints: {last['hintsUsed']}. It is off again.[/]")


def _client() -> Any:
    from vshop.addresses import find  # noqa: PLC0415 - `vshop --help` needs none of it
    from vshop.client import ShopClient  # noqa: PLC0415

    return ShopClient(find())
