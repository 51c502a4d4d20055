"""Hands on over OTLP/HTTP with protobuf (https://opentelemetry.io/docs/specs/otlp/#otlphttp)."""

import contextlib
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit, urlunsplit

import requests
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from observatory.forward_target import Batch, RefusedError, TryAgainError
from observatory.protobuf import DecodeError, decode

_TIMEOUT_S = (2.0, 10.0)
_PROTOBUF = "application/x-protobuf"

_MAY_PASS = {429, 502, 503, 504}
"""https://opentelemetry.io/docs/specs/otlp/#retryable-response-codes"""

_LONGEST_AFTER_S = 30.0


class HttpTransport:
    """Posts each request to ``<url>/v1/<signal>``."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        """Args: url: base address of the endpoint. headers: sent with each request."""
        parts = urlsplit(url)
        self._base = url.rstrip("/")
        self.name = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment=""))
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers.update({"User-Agent": "vshop-observatory", "Content-Type": _PROTOBUF, **headers})

    def send(self, batch: Batch) -> int:
        """Post one request."""
        try:
            # A redirect would turn the POST into a GET: it is an answer like any other.
            response = self._session.post(
                f"{self._base}/v1/{batch.signal}", data=batch.body, timeout=_TIMEOUT_S, allow_redirects=False
            )
        except requests.RequestException as error:
            raise TryAgainError(f"no answer: {type(error).__name__}") from error
        if response.status_code in _MAY_PASS:
            raise TryAgainError(f"HTTP {response.status_code}", _after_s(response.headers.get("Retry-After")))
        if not 200 <= response.status_code < 300:
            raise RefusedError(f"HTTP {response.status_code} to {batch.signal}: {response.text[:200]}")
        return refused(batch, response.content) if response.headers.get("Content-Type", "").startswith(_PROTOBUF) else 0

    def close(self) -> None:
        """Close the connections."""
        self._session.close()


def refused(batch: Batch, answer: bytes) -> int:
    """Read from an OTLP answer how many items were refused."""
    with contextlib.suppress(DecodeError):
        match batch.signal:
            case "traces":
                return decode(ExportTraceServiceResponse, answer).partial_success.rejected_spans
            case "logs":
                return decode(ExportLogsServiceResponse, answer).partial_success.rejected_log_records
            case "metrics":
                return decode(ExportMetricsServiceResponse, answer).partial_success.rejected_data_points
    return 0


def _after_s(text: str | None) -> float:
    """Read ``Retry-After``: seconds, or a date (RFC 9110, 10.2.3)."""
    if not text:
        return 0.0
    try:
        seconds = float(text)
    except ValueError:
        try:
            moment = parsedate_to_datetime(text)
        except ValueError:
            return 0.0
        seconds = moment.timestamp() - time.time()
    return min(max(seconds, 0.0), _LONGEST_AFTER_S)
