"""Draws a trace in the terminal: a line a span, a bar on a common time axis, errors in red with their exception."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from vshop.spans import Span
from vshop.traces import Trace

_COLOURS = ("cyan", "magenta", "yellow", "green", "blue")
_FIXED = 14  # columns for the duration and the gaps
_LEAST_BAR = 10
_LEAST_NAME = 20
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def draw(trace: Trace, width: int = 100) -> RenderableType:
    """Return what Rich prints for a trace.

    Args:
        trace: the trace; its spans may belong to several linked traces.
        width: columns of the terminal; the bars take what the names leave.
    """
    if not trace.spans:
        return Text("no spans", style="dim")
    start = min(span.start_ns for span in trace.spans)
    end = max(span.end_ns for span in trace.spans)
    services = list(dict.fromkeys(span.service for span in trace.spans))
    colours = {service: _COLOURS[index % len(_COLOURS)] for index, service in enumerate(services)}
    rows = _rows(trace)
    results = [_result(span) for _, span in rows]
    taken = max(map(len, services)) + max(map(len, results)) + _FIXED
    names = min(max(len(label) for label, _ in rows), max(width - taken - _LEAST_BAR, _LEAST_NAME))
    bars = max(_LEAST_BAR, min(60, width - names - taken))
    table = Table.grid(padding=(0, 1))
    for column in range(5):
        table.add_column(no_wrap=True, justify="right" if column == 3 else "left")
    for (label, span), result in zip(rows, results, strict=True):
        colour = "red" if span.status == "ERROR" else colours[span.service]
        bar = Text(_bar(span, start, end, bars), style=colour)
        table.add_row(
            Text(span.service, style=colours[span.service]),
            Text(_shortened(label, names)),
            bar,
            f"{span.duration_ms:.1f} ms",
            result,
        )
    return Group(table, *_errors(trace))


def _shortened(label: str, width: int) -> str:
    return label if len(label) <= width else f"{label[: width - 1]}…"


def _rows(trace: Trace) -> list[tuple[str, Span]]:
    rows: list[tuple[str, Span]] = []

    def below(span: Span, lead: str, branch: str) -> None:
        rows.append((f"{lead}{branch}{span.kind} {span.name}", span))
        children = trace.children(span)
        deeper = lead + {"├─ ": "│  ", "└─ ": "   "}.get(branch, "")
        for child in children:
            below(child, deeper, "└─ " if child is children[-1] else "├─ ")

    for root in trace.roots:
        below(root, "", "" if root is trace.roots[0] and not root.links else "⇢ ")
    return rows


def _bar(span: Span, start: int, end: int, width: int) -> str:
    """Draw a span's bar: whole cells, and an eighth of a cell where it is shorter than one."""
    scale = width / max(end - start, 1)
    offset, length = (span.start_ns - start) * scale, (span.end_ns - span.start_ns) * scale
    cells = "█" * int(length) or _EIGHTHS[max(1, min(8, int(length * 8)))]
    return (" " * min(int(offset), width - 1) + cells)[:width].ljust(width)


def _result(span: Span) -> Text:
    if span.status == "ERROR":
        return Text(f"✖ {span.attributes.get('error.type', '')}".rstrip(), style="bold red")
    code = span.attributes.get("http.response.status_code")
    return Text(str(code), style="yellow" if code >= 400 else "dim") if code else Text("")


def _errors(trace: Trace) -> list[Text]:
    """List each exception once, where it was thrown: the deepest span that recorded it."""
    lines: dict[str, Text] = {}
    for _, span in trace.walk():
        for event in span.exceptions:
            kind, message = event.attributes.get("exception.type", ""), event.attributes.get("exception.message", "")
            text = Text.assemble(("✖ ", "bold red"), (f"{span.service} {span.name}: ", "red"), (f"{kind}: ", "bold"), message)
            lines[message] = text
    return list(lines.values())
