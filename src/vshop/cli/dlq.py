"""``vshop dlq list|show|replay``: what could not be handled, and handling it later."""

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from vshop.cli.output import AsJson, out, print_json

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
    as_json: AsJson = False,
) -> None:
    """Put a dead letter back on the topic, in its own trace. However often, it is in the stock once."""
    from vshop.addresses import find  # noqa: PLC0415
    from vshop.client import ShopClient  # noqa: PLC0415

    if everything == (letter_id is not None):
        raise typer.BadParameter("say which one, or --all.")
    client = ShopClient(find())
    ids = [letter_id] if letter_id else [letter["id"] for letter in client.dead_letters() if not letter["handled"]]
    answers = [client.replay(one) for one in ids]
    if as_json:
        print_json(answers if everything else answers[0])
        return
    for answer in answers:
        if answer["replayed"]:
            out.print(f"Replayed: {answer['id']} is record {answer['partition']}-{answer['offset']} now.")
        else:
            out.print("Not replayed: it is in the stock already.")
    if not answers:
        out.print("Nothing to replay.")
