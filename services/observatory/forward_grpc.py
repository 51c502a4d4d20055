"""Hands on over OTLP/gRPC (https://opentelemetry.io/docs/specs/otlp/#otlpgrpc); needs the extra ``virtual-shop[grpc]``."""

from collections.abc import Mapping
from urllib.parse import urlsplit

import grpc

from observatory.forward_http import refused
from observatory.forward_target import Batch, RefusedError, TryAgainError

_TIMEOUT_S = 10.0

_METHODS = {
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
}

_MAY_PASS = {
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.OUT_OF_RANGE,
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DATA_LOSS,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
}
"""https://opentelemetry.io/docs/specs/otlp/#failures"""


class GrpcTransport:
    """Calls ``Export`` of the three services with the bytes as they are."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        """Args: url: ``grpc://host:port``, or ``grpcs://`` with TLS. headers: metadata of each call."""
        parts = urlsplit(url)
        address = f"{parts.hostname}:{parts.port}"
        self.name = f"{parts.scheme}://{address}"
        self._metadata = list(headers.items())
        # Its own back-off would come on top of ours.
        options = [("grpc.max_reconnect_backoff_ms", 1000), ("grpc.enable_http_proxy", 0)]
        self._channel = (
            grpc.secure_channel(address, grpc.ssl_channel_credentials(), options)
            if parts.scheme == "grpcs"
            else grpc.insecure_channel(address, options)
        )
        self._calls = {signal: self._channel.unary_unary(method) for signal, method in _METHODS.items()}

    def send(self, batch: Batch) -> int:
        """Call one service."""
        try:
            answer = self._calls[batch.signal](batch.body, timeout=_TIMEOUT_S, metadata=self._metadata)
        except grpc.RpcError as error:
            code = error.code()
            text = f"gRPC {code.name}: {error.details()}"
            raise (TryAgainError(text) if code in _MAY_PASS else RefusedError(text)) from error
        return refused(batch, answer)

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()
