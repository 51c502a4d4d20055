"""OTLP over HTTP and gRPC (extra ``virtual-shop[grpc]``), and files."""

import contextlib
import json
import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from observatory.forward.queue import Batch, RefusedError, RetryableError
from observatory.store.otlp import SIGNALS, DecodeError, as_dict, decode

_PROTOBUF = "application/x-protobuf"
_SIGNAL_PATH = re.compile(r"/v1/(traces|logs|metrics)$")
_HTTP_TIMEOUT_S = (2.0, 10.0)
_GRPC_TIMEOUT_S = 10.0
_MAX_RETRY_AFTER_S = 30.0

_RETRYABLE_STATUS = {429, 502, 503, 504}
"""https://opentelemetry.io/docs/specs/otlp/#retryable-response-codes"""
_RETRYABLE_CODES = {
    "CANCELLED",
    "DEADLINE_EXCEEDED",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNAVAILABLE",
    "DATA_LOSS",
    "RESOURCE_EXHAUSTED",
}
"""https://opentelemetry.io/docs/specs/otlp/#failures"""


class HttpTransport:
    """Posts to ``<url>/v1/<signal>``, unless the URL is one signal's (https://opentelemetry.io/docs/specs/otlp/#otlphttp)."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        import requests  # noqa: PLC0415 - loaded only if needed

        from vshop.kit.http.session import failure_reason, http_session  # noqa: PLC0415 - as above

        parts = urlsplit(url)
        self._reason = failure_reason
        self._base = _SIGNAL_PATH.sub("", url.rstrip("/"))
        self.name = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment=""))
        self._no_response = requests.RequestException
        self._session = http_session("vshop-observatory")
        self._session.headers.update({"Content-Type": _PROTOBUF, **headers})

    def send(self, batch: Batch) -> int:
        """Post one request."""
        try:
            # Following a redirect would turn the POST into a GET.
            response = self._session.post(
                f"{self._base}/v1/{batch.signal}", data=batch.body, timeout=_HTTP_TIMEOUT_S, allow_redirects=False
            )
        except self._no_response as error:
            raise RetryableError(f"no response: {type(error).__name__}: {self._reason(error)}") from error
        if response.status_code in _RETRYABLE_STATUS:
            raise RetryableError(f"HTTP {response.status_code}", _retry_after_s(response.headers.get("Retry-After")))
        if not 200 <= response.status_code < 300:
            raise RefusedError(f"HTTP {response.status_code} for {batch.signal}: {response.text[:200]}")
        return _count_refused(batch, response.content) if response.headers.get("Content-Type", "").startswith(_PROTOBUF) else 0

    def close(self) -> None:
        """Close the connections."""
        self._session.close()


class GrpcTransport:
    """Calls ``Export`` at ``grpc://host:port``, or ``grpcs://`` (https://opentelemetry.io/docs/specs/otlp/#otlpgrpc)."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        import grpc  # noqa: PLC0415 - an optional dependency

        from vshop.kit.http.session import ca_bundle  # noqa: PLC0415 - imports requests

        parts = urlsplit(url)
        address = f"{parts.hostname}:{parts.port}"
        self.name = f"{parts.scheme}://{address}"
        self._metadata = list(headers.items())
        self._failed = grpc.RpcError
        # The queue retries already; gRPC would add its own back-off.
        bundle = ca_bundle()
        roots = Path(bundle).read_bytes() if bundle and Path(bundle).is_file() else None
        options = [("grpc.max_reconnect_backoff_ms", 1000), ("grpc.enable_http_proxy", 0)]
        self._channel = (
            grpc.secure_channel(address, grpc.ssl_channel_credentials(roots), options)
            if parts.scheme == "grpcs"
            else grpc.insecure_channel(address, options)
        )
        self._calls = {signal: self._channel.unary_unary(messages.method) for signal, messages in SIGNALS.items()}

    def send(self, batch: Batch) -> int:
        """Call one service."""
        try:
            response = self._calls[batch.signal](batch.body, timeout=_GRPC_TIMEOUT_S, metadata=self._metadata)
        except self._failed as error:
            code = error.code().name
            text = f"gRPC {code}: {error.details()}"
            raise (RetryableError(text) if code in _RETRYABLE_CODES else RefusedError(text)) from error
        return _count_refused(batch, response)

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()


class FileTransport:
    """Appends to ``traces.jsonl``, ``logs.jsonl`` and ``metrics.jsonl``, one OTLP JSON object per line.

    https://opentelemetry.io/docs/specs/otel/protocol/file-exporter/
    """

    def __init__(self, folder: Path) -> None:
        self.name = str(folder)
        self._folder = folder

    def send(self, batch: Batch) -> int:
        """Append one line in a single write, so that readers see whole lines only."""
        self._folder.mkdir(parents=True, exist_ok=True)
        # A request and the file exporter's TracesData, LogsData or MetricsData have the same fields.
        line = json.dumps(as_dict(decode(SIGNALS[batch.signal].request, batch.body)), ensure_ascii=False, separators=(",", ":"))
        with (self._folder / f"{batch.signal}.jsonl").open("ab") as file:
            file.write(line.encode("utf-8", "backslashreplace") + b"\n")
        return 0

    def close(self) -> None:
        """Do nothing."""


def _count_refused(batch: Batch, response: bytes) -> int:
    with contextlib.suppress(DecodeError):
        messages = SIGNALS[batch.signal]
        return int(getattr(decode(messages.response, response).partial_success, messages.rejected))
    return 0


def _retry_after_s(text: str | None) -> float:
    with contextlib.suppress(ValueError):
        return min(max(float(text or 0), 0.0), _MAX_RETRY_AFTER_S)
    with contextlib.suppress(ValueError):
        return min(max(parsedate_to_datetime(text or "").timestamp() - time.time(), 0.0), _MAX_RETRY_AFTER_S)
    return 0.0
