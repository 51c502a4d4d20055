"""Reads the catalogue's files."""

from pathlib import Path
from typing import Any

import msgspec

from vshop.incidents.errors import CatalogueError, UnknownIncidentError
from vshop.incidents.incident import Incident

CATALOGUE = Path(__file__).parent / "catalogue"


def load_catalogue(folder: Path | str | None = None) -> dict[str, Incident]:
    """Read all incidents.

    Args:
        folder: where their files are; the shop's own catalogue when not given.

    Returns:
        The incidents by their ids, in the order of the ids.

    Raises:
        CatalogueError: a file is not what it should be.
    """
    incidents = [_read(path) for path in sorted(_folder(folder).glob("*.yaml"))]
    return {incident.id: incident for incident in incidents}


def load_incident(incident_id: str, folder: Path | str | None = None) -> Incident:
    """Read one incident.

    Args:
        incident_id: its id.
        folder: as in :func:`load_catalogue`.

    Raises:
        UnknownIncidentError: there is none of this id.
        CatalogueError: its file is not what it should be.
    """
    known = {path.stem: path for path in _folder(folder).glob("*.yaml")}
    if incident_id not in known:
        raise UnknownIncidentError(incident_id, known)
    return _read(known[incident_id])


def read_yaml(path: Path) -> Any:
    """Read a YAML file; a key that stands twice is an error, not the later one.

    Raises:
        CatalogueError: it is no such YAML; the text names file and line.
    """
    import yaml  # noqa: PLC0415 - whoever only names the types needs none of it

    loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Strict(loader):  # type: ignore[misc]
        def construct_mapping(self, node: Any, deep: bool = False) -> Any:  # noqa: FBT001, FBT002 - YAML's signature
            keys = [key.value for key, _ in node.value]
            twice = [key for key in keys if keys.count(key) > 1]
            if twice:
                raise CatalogueError(f"{path.name}:{node.start_mark.line + 1}: the key {twice[0]!r} stands twice")
            return super().construct_mapping(node, deep)

    try:
        return yaml.load(path.read_text(encoding="utf-8"), Strict)  # noqa: S506 - a safe loader, made stricter
    except yaml.YAMLError as error:
        raise CatalogueError(f"{path.name}: not YAML: {error}") from error


def _folder(folder: Path | str | None) -> Path:
    return CATALOGUE if folder is None else Path(folder)


def _read(path: Path) -> Incident:
    try:
        incident = msgspec.convert(read_yaml(path), Incident)
    except msgspec.ValidationError as error:
        raise CatalogueError(f"{path.name}: {error}") from error
    if incident.id != path.stem:
        raise CatalogueError(f"{path.name}: $.id is {incident.id!r}; it must be the file's name")
    return incident
