"""``vshop open|trace|logs|metrics|alerts``: read the telemetry of the shop."""

import time
import webbrowser
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from vshop.cli.output import Steps, command, err, is_narrow, out, print_table
from vshop.cli.references import Last, find_trace
from vshop.shop.addresses import find
from vshop.shop.business_metrics import WINDOW_S, counts, lag
from vshop.shop.client import ShopClient
from vshop.shop.spans import log_text
from vshop.shop.traces import TraceError, TraceReader, missing_hop
from vshop.shop.waterfall import MOST_ROWS, draw

_ALERT_STATES = {"firing": "[red]firing[/]", "pending": "[yellow]pending[/]"}
_SEVERITY_STYLES = {"WARN": "yellow", "ERROR": "red", "FATAL": "bold red"}


@command()
def open_page(
    trace: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Id of a trace or order, or its beginning (default: the console)")
    ] = None,
    *,
    last: Annotated[bool, typer.Option("--last", "-l", help="Open the trace of the newest order")] = False,
) -> Steps:
    """Open the console, or a trace, in the browser.

    Prints the address, too, and only that where there is no browser.
    """
    addresses = find()
    url = addresses.console
    if trace or last:
        url += f"/traces/{find_trace(TraceReader(addresses.traces), trace, last=last)}"
    try:
        opened = webbrowser.get().open(url)
    except webbrowser.Error:
        opened = False
    yield {"url": url, "opened": opened}
    out.print(url, soft_wrap=True)
    if not opened:
        err.print("No browser was found. Open this address yourself.")


@command()
def trace(
    trace_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Id of the trace or of its order, or the beginning of one")
    ] = None,
    *,
    last: Last = False,
    all_spans: Annotated[bool, typer.Option("--all", help=f"Draw all spans of a trace with more than {MOST_ROWS:,}")] = False,
) -> Steps:
    """Draw a trace in its current state."""
    reader = TraceReader(find().traces)
    wanted = find_trace(reader, trace_id, last=last)
    found = reader.get(wanted)
    if not found.spans:
        raise TraceError(f"There is no trace {wanted}.")
    yield {"traceId": wanted, "missing": missing_hop(found), "notes": found.notes, "spans": found.spans}
    out.print(draw(found, out.width, None if all_spans else MOST_ROWS))


@command()
def logs(
    *,
    trace_id: Annotated[
        str | None, typer.Option("--trace", "-t", help="Show only records of this trace: its id, its order's id, or the beginning")
    ] = None,
    last: Last = False,
    service: Annotated[str | None, typer.Option("--service", "-s", help="Show only records of this service")] = None,
    severity: Annotated[str | None, typer.Option(help="Show only this severity and above, e.g. WARN")] = None,
    search: Annotated[str | None, typer.Option(help="Show only records whose text contains this")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Show this many of the newest records")] = 50,
) -> Steps:
    """Show the services' log records, each with its trace id and exception."""
    addresses = find()
    wanted = find_trace(TraceReader(addresses.traces), trace_id, last=last) if trace_id or last else None
    records = ShopClient(addresses).logs(traceId=wanted, service=service, severity=severity, search=search, limit=limit)
    yield records
    for record in records:
        style = _SEVERITY_STYLES.get(record["severity"], "")
        when = record["time"][11:23] if record["timestamp"] else "no time".ljust(12)
        text = escape(f"{record['severity']:<5} {record['service']:<13} {log_text(record)}")
        line = f"[dim]{when}[/] {text}"
        line += f" [dim]trace={record['traceId']}[/]" if record["traceId"] else ""
        raised = record["exception"]
        if raised:
            line += f"\n  ✖ {escape(str(raised.get('type')))}: {escape(str(raised.get('message')))}"
        out.print(line, style=style, soft_wrap=not out.is_terminal)


@command(can_watch=True)
def metrics() -> Steps:
    """Show business figures: orders accepted and handled, errors by type, and the topic's backlog."""
    client = ShopClient(find())
    found, waiting = counts(client.metrics, time.time()), lag(client.metrics, time.time())
    yield {"windowSeconds": WINDOW_S, "lag": waiting, "counters": {name: one._asdict() for name, one in found.items()}}
    table = Table("", "in all", f"last {WINDOW_S} s", box=None, header_style="dim")
    for name, one in found.items():
        style = "red" if name.startswith("error ") and one.recent else ""
        table.add_row(escape(name), f"{one.total:.0f}", f"{one.recent:.0f}", style=style)
    table.add_row("waiting on the topic", "unknown" if waiting is None else f"{waiting:.0f}", "")
    out.print(table)


@command(can_watch=True)
def alerts() -> Steps:
    """Show the alerts, evaluated from the traces of the last minute."""
    found = ShopClient(find()).alerts()
    yield found
    rows = []
    for one in found:
        labels = escape(", ".join(map(str, one["labels"].values())))
        state, trace_id = _ALERT_STATES.get(one["state"], f"[dim]{one['state']}[/]"), (one["traceIds"] or [""])[-1]
        of = (f"{trace_id}\n{labels}" if labels else trace_id,) if is_narrow() else (labels, trace_id)
        rows.append((one["rule"], state, f"{one['value'] or 0:.3g}", *of))
    print_table("alert", "", "value", *(() if is_narrow() else ("of",)), "a trace of it", rows=rows)
