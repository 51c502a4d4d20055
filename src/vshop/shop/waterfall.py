"""Draws a trace in the terminal."""

from collections.abc import Iterator
from itertools import islice

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from vshop.shop.spans import Span
from vshop.shop.traces import Trace

_COLOURS = ("cyan", "magenta", "yellow", "green", "blue")
MOST_ROWS = 1000
"""Unless asked for all."""
_FIXED = 14  # columns for the duration and the gaps
_LEAST_BAR = 10
_DEEPEST = 12
_MOST_ERRORS = 20
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def draw(trace: Trace, width: int = 100, limit: int | None = None) -> RenderableType:
    """Return a Rich renderable of one or several linked traces; a line says how many spans are beyond ``limit``."""
    if not trace.spans:
        return Text("no spans", style="dim")
    timed = [span for span in trace.spans if span.start_ns] or trace.spans
    start = min(span.start_ns for span in timed)
    end = max(span.end_ns for span in timed)
    services = list(dict.fromkeys(span.service for span in trace.spans))
    colours = {service: _COLOURS[index % len(_COLOURS)] for index, service in enumerate(services)}
    rows = list(islice(_rows(trace), limit))
    results = [_result(span) for _, span in rows]
    taken = max(map(len, services)) + max(map(len, results)) + _FIXED
    names = max(len(label) for label, _ in rows)
    below = [*_errors(trace), *_notes(trace, len(rows))]
    if taken + names + _LEAST_BAR > width:
        return Group(_stacked(rows, start, end, colours, width), *below)
    bars = min(60, width - names - taken)
    table = Table.grid(padding=(0, 1))
    for column in range(5):
        table.add_column(no_wrap=True, justify="right" if column == 3 else "left")
    for (label, span), result in zip(rows, results, strict=True):
        colour = "red" if span.status == "ERROR" else colours[span.service]
        bar = Text(_bar(span, start, end, bars), style=colour)
        table.add_row(Text(span.service, style=colours[span.service]), Text(label), bar, _duration(span), result)
    return Group(table, *below)


def _duration(span: Span) -> str:
    return f"{span.duration_ms:.1f} ms" if span.start_ns else "no time"


def _notes(trace: Trace, drawn: int) -> list[Text]:
    rest = len(trace.tree.rows) - drawn
    more = [f"{rest} more spans not drawn. Draw all with --all."] if rest else []
    return [Text(note, style="yellow") for note in [*trace.notes, *more]]


def _stacked(rows: list[tuple[str, Span]], start: int, end: int, colours: dict[str, str], width: int) -> Text:
    """On two lines, for a terminal too narrow for names beside bars."""
    services = max(map(len, colours))
    results = max(len(_result(span)) for _, span in rows)
    bars = max(_LEAST_BAR, min(60, width - services - results - _FIXED))
    lines = []
    for label, span in rows:
        colour = "red" if span.status == "ERROR" else colours[span.service]
        name = Text.assemble((f"{span.service:<{services}}", colours[span.service]), f" {label}")
        bar = Text.assemble(" " * (services + 1), (_bar(span, start, end, bars), colour), f" {_duration(span):>11} ")
        lines += [name, bar.append_text(_result(span))]
    return Text("\n").join(lines)


def _rows(trace: Trace) -> Iterator[tuple[str, Span]]:
    """Deep spans are numbered instead of indented further."""
    leads = [""]
    last_child = {id(children[-1]) for children in trace.tree.below.values() if children}
    for depth, span in trace.walk():
        name = " ".join(f"{span.kind} {span.name or '(no name)'}".split())
        if depth == 0:
            first = span is trace.roots[0] and not span.links
            leads = ["" if first else "   "]
            yield f"{'' if first else '⇢ '}{name}", span
            continue
        is_last = id(span) in last_child
        if depth > _DEEPEST:
            yield f"{leads[_DEEPEST - 1]}└─ [{depth}] {name}", span
            continue
        del leads[depth:]
        yield f"{leads[depth - 1]}{'└─ ' if is_last else '├─ '}{name}", span
        leads.append(leads[depth - 1] + ("   " if is_last else "│  "))


def _bar(span: Span, start: int, end: int, width: int) -> str:
    if not span.start_ns:
        return " " * width
    scale = width / max(end - start, 1)
    offset, length = max((span.start_ns - start) * scale, 0), max((span.end_ns - span.start_ns) * scale, 0)
    cells = "█" * min(int(length), width) or _EIGHTHS[max(1, min(8, int(length * 8)))]
    return (" " * min(int(offset), width - 1) + cells)[:width].ljust(width)


def _result(span: Span) -> Text:
    if span.status == "ERROR":
        return Text(f"✖ {span.stable.get('error.type', '')}".rstrip(), style="bold red")
    code = span.http_status
    return Text(str(code), style="yellow" if code >= 400 else "dim") if code else Text("")


def _errors(trace: Trace) -> list[Text]:
    """Each exception once, with the deepest span. Where exceptions are logged, the status names them."""
    lines: dict[str, Text] = {}
    for _, span in trace.walk():
        recorded = [event.attributes for event in span.exceptions]
        found = [(str(one.get("exception.type", "")), str(one.get("exception.message", ""))) for one in recorded]
        if not found and span.failed and ": " in span.status_message:
            kind, _, message = span.status_message.partition(": ")
            found = [(kind, message)]
        for kind, message in found:
            text = Text.assemble(("✖ ", "bold red"), (f"{span.service} {span.name}: ", "red"), (f"{kind}: ", "bold"), message)
            lines[message] = text
    rest = len(lines) - _MOST_ERRORS
    more = [Text(f"✖ {rest} other messages", style="red")] if rest > 0 else []
    return [*islice(lines.values(), _MOST_ERRORS), *more]
