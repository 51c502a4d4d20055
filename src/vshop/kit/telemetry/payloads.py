"""Puts redacted payloads on spans, up to a size limit."""

import codecs
import json
from collections.abc import Iterable
from typing import Any

from opentelemetry.trace import Span

from vshop.kit.chaos.baggage import HEADERS, remove_incidents
from vshop.kit.settings import Settings
from vshop.kit.telemetry.secrets import redact


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    return sorted(value, key=str) if isinstance(value, set | frozenset) else str(value)


_as_json = json.JSONEncoder(default=_plain).encode  # `json.dumps` would make an encoder for every payload


class Payloads:
    """Puts each payload on a span as one JSON or text attribute, unless not ``visible``."""

    def __init__(self, settings: Settings, *, visible: bool = True) -> None:
        self.visible = visible and settings.payloads == "full"
        self._limit = settings.payload_limit_bytes

    def put(self, span: Span, name: str, payload: bytes | str | None) -> None:
        """Put text or bytes on the span, cut at the limit with ``…[cut, N bytes in all]``."""
        if not self.visible or not payload or not span.is_recording():
            return
        raw = payload.encode(errors="backslashreplace") if isinstance(payload, str) else payload
        if len(raw) <= self._limit:
            span.set_attribute(name, redact(raw.decode(errors="backslashreplace")))
            return
        # final=False leaves out a character that the cut went through.
        text = codecs.getincrementaldecoder("utf-8")("backslashreplace").decode(raw[: self._limit], final=False)
        span.set_attribute(name, f"{redact(text)}…[cut, {len(raw)} bytes in all]")

    def put_json(self, span: Span, name: str, payload: Any) -> None:
        """Put any value on the span as JSON."""
        if self.visible and span.is_recording():
            self.put(span, name, _as_json(payload))

    def put_headers(self, span: Span, name: str, headers: Iterable[tuple[str, str | bytes]]) -> None:
        """Put headers as a JSON object, with lower-case names and without incidents."""
        if not self.visible or not span.is_recording():
            return
        shown = {lower: _plain(value) for key, value in headers if (lower := key.lower()) not in HEADERS}
        if "baggage" in shown:
            shown["baggage"] = remove_incidents(shown["baggage"])
        self.put_json(span, name, {key: value for key, value in shown.items() if key != "baggage" or value})
