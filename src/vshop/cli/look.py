"""``vshop stock|trace|logs|settings``: look at what the shop holds."""

import sys
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from vshop.cli.output import AsJson, err, out, print_json

_SEVERITY = {"WARN": "yellow", "ERROR": "red", "FATAL": "bold red"}


def stock(
    item: Annotated[int | None, typer.Argument(help="One item's number; all items without it.")] = None, *, as_json: AsJson = False
) -> None:
    """Show the stock as the table holds it."""
    from vshop.addresses import find  # noqa: PLC0415 - `vshop --help` needs none of it
    from vshop.client import ShopClient  # noqa: PLC0415

    client = ShopClient(find())
    items = client.stock() if item is None else [client.item(item)]
    if as_json:
        print_json(items if item is None else items[0])
        return
    table = Table("item", "name", "stock", "ordered", "version", box=None, header_style="dim")
    for one in items:
        table.add_row(*(str(one[field]) for field in ("id", "name", "stock", "ordered", "version")))
    out.print(table)


def trace(trace_id: Annotated[str, typer.Argument(help="The trace's id.")], *, as_json: AsJson = False) -> None:
    """Draw a trace as it is now."""
    from vshop.addresses import find  # noqa: PLC0415
    from vshop.traces import TraceReader, missing_hop  # noqa: PLC0415
    from vshop.waterfall import draw  # noqa: PLC0415

    found = TraceReader(find().traces).get(trace_id)
    if as_json:
        print_json({"traceId": trace_id, "missing": missing_hop(found), "spans": found.spans})
    elif found.spans:
        out.print(draw(found, out.width))
    if not found.spans:
        err.print(f"There is no trace {escape(trace_id)}.")
        sys.exit(1)


def logs(
    *,
    trace_id: Annotated[str | None, typer.Option("--trace", "-t", help="Only those of one trace.")] = None,
    service: Annotated[str | None, typer.Option("--service", "-s", help="Only those of one service.")] = None,
    severity: Annotated[str | None, typer.Option(help="Only this severity and above, e.g. WARN.")] = None,
    search: Annotated[str | None, typer.Option(help="Only those whose text holds this.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many, the newest.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show the log records that the services sent, with the trace each belongs to."""
    from vshop.addresses import find  # noqa: PLC0415
    from vshop.client import ShopClient  # noqa: PLC0415

    asked = {"traceId": trace_id, "service": service, "severity": severity, "search": search, "limit": limit}
    records = ShopClient(find()).logs(**{name: value for name, value in asked.items() if value is not None})
    if as_json:
        print_json(records)
        return
    for record in records:
        style = _SEVERITY.get(record["severity"], "")
        line = f"[dim]{record['time'][11:23]}[/] {record['severity']:<5} {record['service']:<13} {escape(str(record['body']))}"
        out.print(line + (f" [dim]trace={record['traceId']}[/]" if record["traceId"] else ""), style=style, soft_wrap=True)


def settings(*, as_json: AsJson = False) -> None:
    """List every SHOP_* setting: what it is, its default, and its value here."""
    from vshop.kit.settings import PREFIX, load, table  # noqa: PLC0415

    rows = table()
    values = {name: str(getattr(load(), name.removeprefix(PREFIX).lower())) for name, *_ in rows}
    if as_json:
        print_json(
            [
                {"name": name, "type": kind, "default": default, "value": values[name], "description": text}
                for name, kind, default, text in rows
            ]
        )
        return
    shown = Table("variable", "value", "what it is", box=None, header_style="dim")
    for name, _, default, text in rows:
        shown.add_row(name, f"[bold]{escape(values[name])}[/]" if values[name] != default else escape(default), escape(text))
    out.print(shown)
