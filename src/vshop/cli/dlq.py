"""``vshop dlq list|show|replay``: what could not be handled, and handling it later."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from vshop.cli.output import AsJson, err, out, print_json

if TYPE_CHECKING:
    from vshop.replay import Replay

app = typer.Typer(no_args_is_help=True, help="Dead letters: records that could not be handled.")

LetterId = Annotated[str, typer.Argument(help="A dead letter's id, as `vshop dlq list` shows it.")]


@app.command("list")
def list_letters(*, as_json: AsJson = False) -> None:
    """List all dead letters, oldest first."""
    from vshop.addresses import find  # noqa: PLC0415 - `vshop --help` needs none of it
    from vshop.client import ShopClient  # noqa: PLC0415

    letters = ShopClient(find()).dead_letters()
    if as_json:
        print_json(letters)
        return
    table = Table("id", "error", "message", "trace", "handled", box=None, header_style="dim")
    for letter in letters:
        message = str(letter["errorMessage"]).splitlines()[0][:60]
        table.add_row(letter["id"], letter["errorType"], escape(message), letter["traceId"], "yes" if letter["handled"] else "no")
    out.print(table if letters else "No dead letters.")


@app.command()
def show(letter_id: LetterId) -> None:
    """Print one dead letter with all its headers, as JSON."""
    from vshop.addresses import find  # noqa: PLC0415
    from vshop.client import ShopClient  # noqa: PLC0415

    print_json(ShopClient(find()).dead_letter(letter_id))


@app.command()
def replay(
    letter_id: Annotated[str | None, typer.Argument(help="A dead letter's id, as `vshop dlq list` shows it.")] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", "-a", help="All that are not handled yet.")] = False,
    timeout: Annotated[float, typer.Option(min=0, help="Seconds to wait until they are in the stock.")] = 15.0,
    as_json: AsJson = False,
) -> None:
    """Put a dead letter back on the topic, in its own trace, and wait for it. However often, it is in the stock once.

    Exit status 1 when one is not in the stock in the end.
    """
    from vshop.addresses import find  # noqa: PLC0415
    from vshop.client import ShopClient  # noqa: PLC0415
    from vshop.replay import replay as put_back  # noqa: PLC0415

    if everything == (letter_id is not None):
        raise typer.BadParameter("say which one, or --all.")
    client = ShopClient(find())
    ids = [letter_id] if letter_id else [letter["id"] for letter in client.dead_letters() if not letter["handled"]]
    replays = put_back(client, ids, timeout)
    if as_json:
        print_json(replays if everything else replays[0])
    elif not replays:
        out.print("Nothing to replay.")
    else:
        for one in replays:
            _tell(one, timeout)
    sys.exit(not all(one.handled for one in replays))


def _tell(one: "Replay", timeout_s: float) -> None:
    lies = f"Replayed: {one.id} is record {one.partition}-{one.offset} now"
    if one.handled:
        out.print(f"{lies}, and in the stock." if one.replayed else f"Not replayed: {one.id} is in the stock already.")
    elif one.error is None:
        err.print(f"{lies}, and not handled after {timeout_s:g} s. Does stock-updater run? `vshop status` tells.")
    elif one.replayed:
        err.print(f"{lies}, and failed again: {escape(one.error)}")
    else:
        err.print(f"[bold red]✖[/] {escape(one.error)}")
