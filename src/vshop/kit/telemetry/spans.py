"""What services put on spans: payloads, redacted and up to a size limit, and errors, which ``shop.errors`` counts too."""

import codecs
import json
import traceback
from collections.abc import Iterable
from typing import Any

from opentelemetry import metrics
from opentelemetry.trace import Span, StatusCode

from vshop.kit.chaos.baggage import HEADERS, remove_incidents
from vshop.kit.settings import Settings
from vshop.kit.telemetry.secrets import redact

_errors = metrics.get_meter("vshop.kit").create_counter("shop.errors", "{error}", "Failures by error.type and exception.type")


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


def error_type(error: BaseException) -> str:
    """Return ``error.type``: the exception's ``error_type``, the server's error code, or the class."""
    own = getattr(error, "error_type", None)
    if isinstance(own, str):
        return own
    response = getattr(error, "response", None)
    if isinstance(response, dict):  # botocore's ClientError: one class for many codes
        return str(response.get("Error", {}).get("Code", type(error).__qualname__))
    return type(error).__qualname__


def error_attributes(error: BaseException) -> dict[str, str]:
    """Return ``error.type``, and ``exception.type`` as ``record_exception`` names it: the class with its module."""
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return {"error.type": error_type(error), "exception.type": name}


def count_error(error: BaseException) -> None:
    """Count an error. Call it inside its span, to which the exemplar links."""
    _errors.add(1, error_attributes(error))


def record_error(span: Span, error: BaseException) -> None:
    """Record an exception, redacted, on its span with status error, and count it."""
    if span.is_recording():
        stack = "".join(traceback.format_exception(error))
        span.record_exception(error, {"exception.message": redact(str(error)), "exception.stacktrace": redact(stack)})
        span.set_attribute("error.type", error_type(error))
        span.set_status(StatusCode.ERROR, redact(f"{type(error).__name__}: {error}"))
    count_error(error)
