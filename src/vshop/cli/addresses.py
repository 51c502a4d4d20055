"""``vshop open|env``."""

import shlex
import webbrowser
from typing import Annotated

import typer

from vshop.cli.output import AsJson, err, out, print_json
from vshop.cli.references import find_trace
from vshop.runtime.local.shop import Shop
from vshop.runtime.model.errors import NotRunningError
from vshop.shop.addresses import find
from vshop.shop.traces import TraceReader


def open_page(
    trace: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Id of a trace or order, or its beginning (default: the console)")
    ] = None,
    *,
    last: Annotated[bool, typer.Option("--last", "-l", help="Open the trace of the newest order")] = False,
    as_json: AsJson = False,
) -> None:
    """Open the console, or a trace, in the browser.

    Prints the address, too, and only that where there is no browser.
    """
    addresses = find()
    url = addresses.console
    if trace or last:
        url += f"/traces/{find_trace(TraceReader(addresses.traces), trace, last=last)}"
    opened = _open(url)
    if as_json:
        print_json({"url": url, "opened": opened})
        return
    out.print(url, soft_wrap=True)
    if not opened:
        err.print("No browser was found. Open this address yourself.")


def _open(url: str) -> bool:
    try:
        return webbrowser.get().open(url)
    except webbrowser.Error:
        return False


def env(
    home: Annotated[str | None, typer.Option(metavar="FOLDER", help="Folder for the shop's state (default: VSHOP_HOME)")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Print the variables that a program beside the shop needs, for `eval`.

    Addresses of Kafka, DynamoDB, the OTLP receiver and the services: eval "$(vshop env)".
    """
    shop = Shop.running(home)
    if shop is None:
        raise NotRunningError("No shop is running on this machine. Start one with `vshop up`.")
    if as_json:
        print_json(shop.variables)
        return
    for name, value in shop.variables.items():
        typer.echo(f"export {name}={shlex.quote(value)}")
