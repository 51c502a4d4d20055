"""Makes ``schema.json`` (JSON Schema 2020-12) from the types that the loader reads, so that the two cannot differ.

``python -m vshop.incidents.schema`` prints it.
"""

import json
import sys
from pathlib import Path
from typing import Any

import msgspec

from vshop.incidents.incident import Incident

SCHEMA_FILE = Path(__file__).parent / "schema.json"
_NEEDED_IN_FAULTS = ["rootCause", "answer", "rollback", "switch", "propagation"]


def make_schema() -> dict[str, Any]:
    """Return the schema of an incident file."""
    (_root,), definitions = msgspec.json.schema_components([Incident], ref_template="#/$defs/{name}")
    definitions = _without_null(definitions)
    incident = definitions.pop("Incident")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "An incident of the virtual shop",
        **{key: value for key, value in incident.items() if key != "title"},
        "allOf": [
            {
                "if": {"properties": {"fault": {"const": True}}},
                "then": {"required": _NEEDED_IN_FAULTS, "properties": {"harmless": False}},
                "else": {"required": ["harmless"], "properties": {"rootCause": False, "answer": False}},
            },
            {"if": {"required": ["switch"]}, "then": {"required": ["steadyState"]}},
        ],
        "$defs": definitions,
    }


def _without_null(schema: Any) -> Any:
    """Take null out: in a file a key that does not apply is left out."""
    if isinstance(schema, list):
        return [_without_null(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: _without_null(value) for key, value in schema.items() if not (key == "default" and value is None)}
    choices = [choice for choice in kept.get("anyOf", []) if choice != {"type": "null"}]
    if len(choices) == 1:
        return {key: value for key, value in kept.items() if key != "anyOf"} | choices[0]
    return kept | {"anyOf": choices} if choices else kept


def schema_text() -> str:
    """Return the schema as the text of ``schema.json``."""
    return json.dumps(make_schema(), indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_text())
