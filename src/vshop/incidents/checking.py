"""Checks a whole catalogue: the schema, then the types, then what no schema can say. For tests and ``incidents list --check``."""

import json
from pathlib import Path

from vshop.incidents.consistency import problems
from vshop.incidents.errors import CatalogueError
from vshop.incidents.incident import Incident
from vshop.incidents.loader import CATALOGUE, load_incident, read_yaml
from vshop.incidents.schema import SCHEMA_FILE


def check_catalogue(folder: Path | str | None = None) -> list[str]:
    """List everything that is wrong in a catalogue, each as ``file: place: what``; empty when all is well.

    Args:
        folder: where the files are; the shop's own catalogue when not given.
    """
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - only who checks needs it, and it is slow to import

    validator = Draft202012Validator(json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))
    found: list[str] = []
    known: dict[str, Incident] = {}
    for path in sorted(Path(folder or CATALOGUE).glob("*.yaml")):
        try:
            errors = sorted(validator.iter_errors(read_yaml(path)), key=lambda error: error.json_path)
            found += [f"{path.name}: {error.json_path}: {error.message}" for error in errors]
            known[path.stem] = load_incident(path.stem, path.parent)
        except CatalogueError as error:
            found.append(str(error))
    project = project_folder()
    return found + [f"{one.id}.yaml: {problem}" for one in known.values() for problem in problems(one, known, project)]


def project_folder() -> Path | None:
    """Return the folder above ``services/``: in a checkout its top; None in an installed package, where the code lies elsewhere."""
    top = Path(__file__).parents[3]
    return top if (top / "services" / "orders").is_dir() else None
