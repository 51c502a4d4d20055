"""``vshop trace|logs|metrics|alerts``: read the telemetry of the shop."""

import time
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from vshop.cli.output import AsJson, Watch, is_narrow, out, print_json, repeat
from vshop.cli.references import Last, find_trace
from vshop.shop.addresses import find
from vshop.shop.business_metrics import WINDOW_S, counts, lag
from vshop.shop.client import ShopClient
from vshop.shop.spans import log_text
from vshop.shop.traces import TraceError, TraceReader, missing_hop
from vshop.shop.waterfall import MOST_ROWS, draw

_ALERT_STATES = {"firing": "[red]firing[/]", "pending": "[yellow]pending[/]"}
_SEVERITY_STYLES = {"WARN": "yellow", "ERROR": "red", "FATAL": "bold red"}


def trace(
    trace_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Id of the trace or of its order, or the beginning of one")
    ] = None,
    *,
    last: Last = False,
    all_spans: Annotated[bool, typer.Option("--all", help=f"Draw all spans of a trace with more than {MOST_ROWS:,}")] = False,
    as_json: AsJson = False,
) -> None:
    """Draw a trace in its current state."""
    reader = TraceReader(find().traces)
    wanted = find_trace(reader, trace_id, last=last)
    found = reader.get(wanted)
    if as_json and found.spans:
        print_json({"traceId": wanted, "missing": missing_hop(found), "notes": found.notes, "spans": found.spans})
    elif found.spans:
        out.print(draw(found, out.width, None if all_spans else MOST_ROWS))
    else:
        raise TraceError(f"There is no trace {wanted}.")


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
    as_json: AsJson = False,
) -> None:
    """Show the services' log records, each with its trace id and exception."""
    addresses = find()
    wanted = find_trace(TraceReader(addresses.traces), trace_id, last=last) if trace_id or last else None
    query = {"traceId": wanted, "service": service, "severity": severity, "search": search, "limit": limit}
    records = ShopClient(addresses).logs(**{name: value for name, value in query.items() if value is not None})
    if as_json:
        print_json(records)
        return
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


def metrics(*, watch: Watch = False, as_json: AsJson = False) -> None:
    """Show business figures: orders accepted and handled, errors by type, and the topic's backlog."""
    repeat(lambda: _show_metrics(as_json=as_json), watch=watch)


def _show_metrics(*, as_json: bool) -> None:
    client = ShopClient(find())
    found, waiting = counts(client.metrics, time.time()), lag(client.metrics, time.time())
    if as_json:
        print_json({"windowSeconds": WINDOW_S, "lag": waiting, "counters": {name: one._asdict() for name, one in found.items()}})
        return
    table = Table("", "in all", f"last {WINDOW_S} s", box=None, header_style="dim")
    for name, one in found.items():
        style = "red" if name.startswith("error ") and one.recent else ""
        table.add_row(escape(name), f"{one.total:.0f}", f"{one.recent:.0f}", style=style)
    table.add_row("waiting on the topic", "unknown" if waiting is None else f"{waiting:.0f}", "")
    out.print(table)


def alerts(*, watch: Watch = False, as_json: AsJson = False) -> None:
    """Show the alerts, evaluated from the traces of the last minute."""
    repeat(lambda: _show_alerts(as_json=as_json), watch=watch)


def _show_alerts(*, as_json: bool) -> None:
    found = ShopClient(find()).alerts()
    if as_json:
        print_json(found)
        return
    headers = ("alert", "", "value", "a trace of it") if is_narrow() else ("alert", "", "value", "of", "a trace of it")
    table = Table(*headers, box=None, header_style="dim")
    for one in found:
        labels = escape(", ".join(map(str, one["labels"].values())))
        state, trace_id = _ALERT_STATES.get(one["state"], f"[dim]{one['state']}[/]"), (one["traceIds"] or [""])[-1]
        if is_narrow():
            table.add_row(one["rule"], state, f"{one['value'] or 0:.3g}", f"{trace_id}\n{labels}" if labels else trace_id)
        else:
            table.add_row(one["rule"], state, f"{one['value'] or 0:.3g}", labels, trace_id)
    out.print(table)
