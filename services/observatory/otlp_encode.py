"""Writes OTLP messages as OTLP's JSON: protobuf's, but for ids in hex and enums as numbers.

https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

import base64
from typing import Any

from observatory.protobuf import MessageToDict

_ID_KEYS = ("traceId", "spanId", "parentSpanId")


def as_dict(message: Any) -> dict[str, Any]:
    """Turn a message into what its JSON holds."""
    return dict(_hex_ids(MessageToDict(message, use_integers_for_enums=True)))


def _hex_ids(value: Any) -> Any:
    # Only spans, links, records and exemplars have these keys: an attribute's own name is a value of "key".
    if isinstance(value, list):
        return [_hex_ids(item) for item in value]
    if not isinstance(value, dict):
        return value
    found = {key: _hex_ids(item) for key, item in value.items()}
    for key in _ID_KEYS:
        if isinstance(found.get(key), str):
            found[key] = base64.b64decode(found[key]).hex()
    # An attribute without a value has an empty one.
    return found | {"value": {}} if "key" in found and "value" not in found else found
