"""Records failures: on the span, and in the count of errors by ``error.type`` and ``exception.type``."""

from opentelemetry import metrics
from opentelemetry.trace import Span, StatusCode

_errors = metrics.get_meter("vshop.kit").create_counter("shop.errors", "{error}", "Failures by error.type and exception.type")


def error_type(error: BaseException) -> str:
    """Return ``error.type`` for an exception: its own ``error_type`` or the server's code where there is one, else the class."""
    own = getattr(error, "error_type", None)
    if isinstance(own, str):
        return own
    response = getattr(error, "response", None)
    if isinstance(response, dict):  # botocore's ClientError: many codes share that one class
        return str(response.get("Error", {}).get("Code", type(error).__qualname__))
    return type(error).__qualname__


def exception_type(error: BaseException) -> str:
    """Return ``exception.type``: the class with its module, as OpenTelemetry's ``record_exception`` names it."""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def count(error: BaseException) -> None:
    """Count a failure; called inside the span it belongs to, so that the exemplar leads there."""
    _errors.add(1, {"error.type": error_type(error), "exception.type": exception_type(error)})


def record(span: Span, error: BaseException) -> None:
    """Record an exception on its span, make the span an error, and count it."""
    span.record_exception(error)
    span.set_attribute("error.type", error_type(error))
    span.set_status(StatusCode.ERROR, f"{type(error).__name__}: {error}")
    count(error)
