"""What a ``PUT /chaos/<id>`` asks for: read from its JSON body, its query, or both, field by field."""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import msgspec
from werkzeug.datastructures import MultiDict

from vshop.kit import json_text
from vshop.kit.chaos import Switch
from vshop.kit.items import ITEMS
from vshop.kit.problems import Problem

LONGEST_S = 24 * 3600.0
_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "": 1.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|)")


class Wish(NamedTuple):
    """How an incident is to be switched."""

    on: bool = True
    probability: float = 1.0
    items: tuple[int, ...] = ()
    seconds: float | None = None

    def switch(self, now: float) -> Switch:
        """Return the switch, its end counted from a time in seconds since the epoch."""
        until = None if self.seconds is None else now + self.seconds
        return Switch(on=self.on, probability=self.probability, items=self.items, until=until)


def read(body: bytes, query: "MultiDict[str, str]") -> Wish:
    """Read a wish.

    Args:
        body: JSON, or nothing.
        query: the parameters ``on``, ``probability``, ``for`` and ``item``, the last as often as needed.

    Raises:
        Problem: 400, naming the field.
    """
    given = {} if json_text.is_blank(body) else _from_body(body)
    for name in query:
        field = "items" if name == "item" else name
        if field in given:
            raise _wrong(field, "is given twice, in the body and in the query")
        given[field] = ",".join(query.getlist(name)).split(",") if field == "items" else query[name]
    values = {}
    for name, value in given.items():
        if name not in _READERS:
            raise _wrong(name, f"is not known; there are {', '.join(_READERS)}", value)
        values[name] = _READERS[name](value)
    if "for" in values:
        values["seconds"] = values.pop("for")
    wish = Wish(**values)
    if not wish.on and len(values) > 1:
        raise _wrong("on", "is false: then nothing else is to be said", value=False)
    return wish


def _from_body(body: bytes) -> dict[str, Any]:
    try:
        given = json_text.decode(body)
    except msgspec.DecodeError as error:
        raise Problem(400, f"The body is not JSON: {error}", field="body") from error
    if not isinstance(given, dict):
        raise Problem(400, 'The body must be a JSON object, such as {"probability": 0.5, "for": "60s"}, or empty.', field="body")
    return given


def _wrong(field: str, what: str, value: object = None) -> Problem:
    shown = f" ({msgspec.json.encode(value).decode()[:80]})" if value is not None else ""
    return Problem(400, f"{field}{shown} {what}.", field=field)


def _on(value: Any) -> bool:
    known: Mapping[Any, bool] = {"true": True, "false": False, "1": True, "0": False, "": True}
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in known:
        return known[value.lower()]
    raise _wrong("on", "must be true or false", value)


def _probability(value: Any) -> float:
    number = _number(value)
    if number is None or not 0 <= number <= 1:
        raise _wrong("probability", "must be a number from 0 to 1", value)
    return number


def _seconds(value: Any) -> float:
    found = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    seconds = float(found[1]) * _UNITS_S[found[2]] if found else _number(value) or 0.0
    if not 0 < seconds <= LONGEST_S:
        raise _wrong("for", "must be a time such as 60s, 500ms, 2m, 1h or a number of seconds, at most 24 hours", value)
    return seconds


def _items(value: Any) -> tuple[int, ...]:
    if not isinstance(value, list):
        raise _wrong("items", "must be a list of item ids, such as [1, 2]", value)
    numbers = [_number(one) for one in value]
    for number, one in zip(numbers, value, strict=True):
        if number not in ITEMS:
            raise _wrong("items", f"is no item; the shop sells {_span(ITEMS)}", one)
    return tuple(sorted({int(number) for number in numbers if number is not None}))


def _span(items: Iterable[int]) -> str:
    return ", ".join(map(str, items))


def _number(value: Any) -> float | None:
    """Read a number, or the text of one; None when it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


_READERS: Mapping[str, Callable[[Any], Any]] = {"on": _on, "probability": _probability, "for": _seconds, "items": _items}
