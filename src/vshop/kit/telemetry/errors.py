"""Records errors on the span and in ``shop.errors``."""

import traceback

from opentelemetry import metrics
from opentelemetry.trace import Span, StatusCode

from vshop.kit.telemetry.secrets import redact

_errors = metrics.get_meter("vshop.kit").create_counter("shop.errors", "{error}", "Failures by error.type and exception.type")


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
