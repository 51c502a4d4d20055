"""The answer to an order."""

from collections.abc import Mapping
from typing import Any

import msgspec


class Headers(dict[str, str]):
    """Names in lower case, found in any case (RFC 9110, 5.1)."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        super().__init__({name.lower(): value for name, value in headers.items()})

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.lower())


class Placed(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """The answer to ``POST /orders``.

    ``order_id`` is None if it was not accepted, ``trace_id`` empty if nothing traces orders.
    """

    status: int
    trace_id: str
    order_id: str | None = None
    trace_url: str | None = None
    headers: dict[str, str]
    body: Any

    @property
    def accepted(self) -> bool:
        """Whether the shop accepted the order."""
        return self.status == 202

    @property
    def span_id(self) -> str | None:
        """The span that answered."""
        return self._traceresponse[2] if self._traceresponse else None

    @property
    def sampled(self) -> bool:
        """Whether the shop records the trace."""
        return not self._traceresponse or bool(int(self._traceresponse[3], 16) & 1)

    @property
    def _traceresponse(self) -> list[str] | None:
        """Version, trace id, span id and flags: https://www.w3.org/TR/trace-context-2/#traceresponse-header."""
        value = next((value for name, value in self.headers.items() if name.lower() == "traceresponse"), None)
        return None if value is None else value.split("-")
