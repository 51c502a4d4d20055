"""Makes ``docs/incidents.md`` from the catalogue; ``vshop incidents docs`` prints it."""

import sys
from collections.abc import Iterator, Mapping

from vshop.incidents import telling
from vshop.incidents.incident import Incident
from vshop.incidents.loader import load_catalogue

_HEAD = """\
# The incidents
<!-- Made from src/vshop/incidents/catalogue by `vshop incidents docs > docs/incidents.md`; a test fails when they differ. -->
This page holds every answer. In a workshop, look at `vshop incidents show ID` instead: it tells the complaint and the hints only.

Every incident is switched on and off at run time, fails through the real library for the real reason, and is verified by
`vshop verify`: clean → on → trigger → everything below is seen → off → clean again. A *twin* looks like a fault and is none.
"""


def make_docs(catalogue: Mapping[str, Incident]) -> str:
    """Return the page.

    Args:
        catalogue: the incidents by id.
    """
    faults = [incident for incident in catalogue.values() if incident.fault]
    twins = [incident for incident in catalogue.values() if not incident.fault]
    parts = [_HEAD, *_table(f"Faults ({len(faults)})", faults), *_table(f"Near-miss twins ({len(twins)})", twins)]
    for incident in [*faults, *twins]:
        parts += ["", *_section(incident)]
    return "\n".join(parts) + "\n"


def _table(title: str, incidents: list[Incident]) -> Iterator[str]:
    yield f"\n## {title}"
    yield "| id | the complaint | its look-alike | level | switched on |"
    yield "|---|---|---|---|---|"
    for incident in incidents:
        scopes = ", ".join(incident.switch.scope) if incident.switch else "by its trigger alone"
        pair = f"[{incident.pair_of}](#{incident.pair_of})" if incident.pair_of else ""
        yield f"| [{incident.id}](#{incident.id}) | {_cell(incident.title)} | {pair} | {incident.workshop.level} | {scopes} |"


def _section(incident: Incident) -> Iterator[str]:
    yield f"## {incident.id}"
    yield f"*{incident.title}.*\n"
    yield f"{incident.story}\n"
    if incident.harmless:
        yield f"**Nothing is wrong:** {incident.harmless}\n"
    yield "```"
    yield from telling.commands(incident)
    yield "```"
    yield from _symptom(incident)
    yield from _spans(incident)
    yield from _signals(incident)
    yield from _cause(incident)


def _symptom(incident: Incident) -> Iterator[str]:
    symptom = incident.symptom
    seen = [f"HTTP {symptom.status}"] if symptom.status is not None else []
    seen += [f"item {one.item_id} changes by {one.change}" for one in symptom.stocks]
    seen += [f"{symptom.dead_letters} dead letters"] if symptom.dead_letters is not None else []
    seen += [f"`{member}`" for member in [*telling.members(symptom.headers), *telling.members(symptom.body)]]
    yield f"- **The shopper sees**: {symptom.shopper}" + (f" ({'; '.join(seen)})" if seen else "")


def _spans(incident: Incident) -> Iterator[str]:
    yield "- **Spans**, the culprit in bold:\n"
    yield "  | | span | with |"
    yield "  |---|---|---|"
    for span in incident.expect.spans:
        mark = "**" if span.root_cause else ""
        details = "; ".join(_code(detail) for detail in telling.span_details(span))
        yield f"  | {mark}{span.label}{mark} | {mark}{_code(telling.span_words(span))}{mark} | {details} |"
    if incident.expect.absent:
        yield "\n- **No span**:"
        for absent in incident.expect.absent:
            words = ", ".join(f"`{word}`" for word in [telling.span_words(absent), *telling.span_details(absent)])
            yield f"  - {words}" + (": **that it is missing is the culprit**" if absent.root_cause else "")


def _signals(incident: Incident) -> Iterator[str]:
    expect = incident.expect
    for title, lines in (
        ("Logs", [telling.log_words(log) for log in expect.logs]),
        ("Metrics", [telling.move_words(move) for move in expect.metrics]),
        ("Alerts that fire", [" ".join([alert.rule, *telling.members(alert.labels)]) for alert in expect.alerts.firing]),
        ("Alerts that do not", [" ".join([alert.rule, *telling.members(alert.labels)]) for alert in expect.alerts.silent]),
    ):
        if lines:
            yield f"- **{title}**: " + "; ".join(f"`{line}`" for line in lines)


def _cause(incident: Incident) -> Iterator[str]:
    cause = incident.root_cause
    if cause is not None:
        yield f"- **Root cause**: {cause.service}, {cause.component}: {cause.reason} (`{cause.code}`)"
    if incident.propagation:
        yield "- **How it spreads**: " + "; ".join(f"{one.source} → {one.target}: {one.effect}" for one in incident.propagation)
    if incident.rollback:
        yield f"- **To end it**: {incident.rollback}"
    yield "- **Hints**: " + " ".join(f"{number}. {hint}" for number, hint in enumerate(incident.workshop.hints, 1))


def _code(text: str) -> str:
    return f"`{_cell(text)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(make_docs(load_catalogue()))
