"""Payload visibility: headers, bodies, keys and items on the spans, bounded in size, or nothing with ``SHOP_PAYLOADS=metadata``.

Secrets are taken out later, at the exporters' door (``kit.redaction``).
"""

import codecs
import json
from collections.abc import Iterable
from typing import Any

from opentelemetry.trace import Span

from vshop.kit.blind import without_incidents
from vshop.kit.settings import Settings


def _plain(value: Any) -> Any:
    """Make what JSON does not know (bytes, sets, decimals) readable."""
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    return sorted(value, key=str) if isinstance(value, set | frozenset) else str(value)


_as_json = json.JSONEncoder(default=_plain).encode  # `json.dumps` would make an encoder for every payload


class Payloads:
    """Puts payloads on spans, as one JSON or text attribute each."""

    def __init__(self, settings: Settings) -> None:
        """Args: settings: ``payloads`` and ``payload_limit_bytes`` are read."""
        self.visible = settings.payloads == "full"
        self._limit = settings.payload_limit_bytes

    def put(self, span: Span, name: str, payload: bytes | str | None) -> None:
        """Put text or bytes on the span under a name; longer ones are cut and end in ``…[cut, N bytes in all]``."""
        if not self.visible or not payload or not span.is_recording():
            return
        raw = payload.encode(errors="backslashreplace") if isinstance(payload, str) else payload
        if len(raw) <= self._limit:
            span.set_attribute(name, raw.decode(errors="backslashreplace"))
            return
        # not final: the first bytes of a character that the cut went through are left out
        text = codecs.getincrementaldecoder("utf-8")("backslashreplace").decode(raw[: self._limit], final=False)
        span.set_attribute(name, f"{text}…[cut, {len(raw)} bytes in all]")

    def put_json(self, span: Span, name: str, payload: Any) -> None:
        """Put anything on the span as JSON."""
        if self.visible and span.is_recording():
            self.put(span, name, _as_json(payload))

    def put_headers(self, span: Span, name: str, headers: Iterable[tuple[str, str | bytes]]) -> None:
        """Put headers on the span as a JSON object, names in lower case; none of them names an incident."""
        if not self.visible or not span.is_recording():
            return
        shown = {key.lower(): _plain(value) for key, value in headers}
        if "baggage" in shown:
            shown["baggage"] = without_incidents(shown["baggage"])
        self.put_json(span, name, {key: value for key, value in shown.items() if key != "baggage" or value})
