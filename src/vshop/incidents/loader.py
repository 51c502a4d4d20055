"""Loads incidents from their files."""

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from vshop.incidents.incident import Incident

_Kind = TypeVar("_Kind")


class CatalogueError(Exception):
    """A catalogue file is invalid; the message names file and path."""


class UnknownIncidentError(LookupError):
    """No incident has this id; ``near`` has similar ones, most similar first."""

    kind = "incident"

    def __init__(self, incident: str, known: Iterable[str]) -> None:
        self.incident = incident
        self.near = difflib.get_close_matches(incident, list(known), n=3, cutoff=0.4)
        hint = f" Did you mean {' or '.join(self.near)}?" if self.near else ""
        command = f"vshop {self.kind.replace(' ', '-')}s list"
        super().__init__(f"There is no {self.kind} {incident!r}.{hint} `{command}` shows them all.")


CATALOGUE = Path(__file__).parent / "catalogue"


def load_catalogue(folder: Path = CATALOGUE) -> dict[str, Incident]:
    """Load all incidents by id. Raises CatalogueError."""
    return read_definitions(folder, Incident)


def load_incident(incident_id: str, folder: Path = CATALOGUE) -> Incident:
    """Load one incident. Raises UnknownIncidentError or CatalogueError."""
    return read_definition(incident_id, folder, Incident, UnknownIncidentError)


def read_yaml(path: Path) -> Any:
    """Read a YAML file; a duplicate key is an error."""
    import yaml  # noqa: PLC0415 - slow to import, and needed only to load files

    loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Strict(loader):  # type: ignore[misc]
        def construct_mapping(self, node: Any, **options: bool) -> Any:
            keys = [key.value for key, _ in node.value]
            twice = [key for key in keys if keys.count(key) > 1]
            if twice:
                raise CatalogueError(f"{path.name}:{node.start_mark.line + 1}: the key {twice[0]!r} appears twice")
            return super().construct_mapping(node, **options)

    try:
        return Strict(path.read_text(encoding="utf-8")).get_single_data()
    except yaml.YAMLError as error:
        raise CatalogueError(f"{path.name}: not YAML: {error}") from error


def read_definitions(folder: Path, kind: type[_Kind]) -> dict[str, _Kind]:
    """Read all files of a folder by id. Raises CatalogueError."""
    return {path.stem: _read(path, kind) for path in sorted(folder.glob("*.yaml"))}


def read_definition(name: str, folder: Path, kind: type[_Kind], unknown: type[UnknownIncidentError]) -> _Kind:
    """Read the file of an id. Raises ``unknown`` or CatalogueError."""
    known = {path.stem: path for path in folder.glob("*.yaml")}
    if name not in known:
        raise unknown(name, known)
    return _read(known[name], kind)


def _read(path: Path, kind: type[_Kind]) -> _Kind:
    plain = read_yaml(path)
    try:
        found = msgspec.convert(plain, kind)
    except msgspec.ValidationError as error:
        raise CatalogueError(f"{path.name}: {error}") from error
    if plain["id"] != path.stem:
        raise CatalogueError(f"{path.name}: $.id is {plain['id']!r}; it must be the file's name")
    return found


EXERCISES = {
    1: "auth-token-expired",
    2: "stock-put-missing-key",
    3: "stock-slow-write",
    4: "pricing-division-by-zero",
    5: "stock-consumer-stalled",
    6: "stock-sold-out",
    7: "auth-retry-succeeds",
    8: "orders-context-lost",
    11: "queue-overflow",
    12: "sampling-head",
}
"""9 is a random incident, 10 is a program to write."""
