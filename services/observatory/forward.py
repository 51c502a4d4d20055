"""Hands on what was received to other receivers, beside the own stores: to OTLP endpoints, and to files.

Nobody waits for it. Each target has a bounded queue and a thread of its own (``forward_target``); what a target could not
be given is counted, never missed in the own stores.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from observatory.forward_target import Batch, Signal, Target, Transport
from vshop.kit.settings import Settings, SettingsError

_LOOPBACK = {"localhost", "127.0.0.1", "0.0.0.0", "::1", "::"}


class Forwarding:
    """All targets; a context manager whose end sends what is still queued, for a short while."""

    def __init__(self, targets: Iterable[Target] = ()) -> None:
        """Args: targets: where everything goes; none by default."""
        self._targets = list(targets)

    def offer(self, signal: Signal, message: Any) -> None:
        """Queue a request for every target; never waits, never fails.

        Args:
            signal: what it holds.
            message: the ``Export…ServiceRequest``.
        """
        if not self._targets:
            return
        batch = Batch(signal, message.SerializeToString(), _items(message))
        for target in self._targets:
            target.offer(batch)

    def counts(self) -> list[dict[str, Any]]:
        """Count for each target what was handed on, what waits, and what could not be handed on."""
        return [target.counts() for target in self._targets]

    def __enter__(self) -> Self:
        """Begin to hand on."""
        for target in self._targets:
            target.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Send what is queued, as far as that is possible at once, and stop."""
        for target in self._targets:
            target.close()
        for target in self._targets:
            target.join()


def from_settings(settings: Settings) -> Forwarding:
    """Make what ``SHOP_FORWARD`` and ``SHOP_EXPORT_DIR`` ask for; nothing connects yet.

    Raises:
        SettingsError: an address cannot be used, or gRPC is not installed.
    """
    headers = _headers(settings.forward_headers)
    transports = [_transport(url.strip(), headers, settings) for url in settings.forward.split(",") if url.strip()]
    if settings.export_dir:
        from observatory.forward_file import FileTransport  # noqa: PLC0415 - only who asks for files loads it

        transports.append(FileTransport(Path(settings.export_dir)))
    return Forwarding(Target(transport) for transport in transports)


def _transport(url: str, headers: Mapping[str, str], settings: Settings) -> Transport:
    kinds: dict[str, Callable[[], Transport]] = {
        "http": lambda: _http(url, headers),
        "https": lambda: _http(url, headers),
        "grpc": lambda: _grpc(url, headers),
        "grpcs": lambda: _grpc(url, headers),
    }
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = -1
    if parts.scheme not in kinds or not parts.hostname or port == -1 or (parts.scheme.startswith("grpc") and port is None):
        raise SettingsError(f"SHOP_FORWARD={url!r} is no address such as http://127.0.0.1:4319 or grpc://127.0.0.1:4317.")
    if parts.hostname in _LOOPBACK and port in {settings.otlp_port, settings.query_port}:
        raise SettingsError(f"SHOP_FORWARD={url!r} is the observatory's own address: it would be sending to itself for ever.")
    return kinds[parts.scheme]()


def _http(url: str, headers: Mapping[str, str]) -> Transport:
    from observatory.forward_http import HttpTransport  # noqa: PLC0415 - only who asks for it loads it

    return HttpTransport(url, headers)


def _grpc(url: str, headers: Mapping[str, str]) -> Transport:
    try:
        from observatory.forward_grpc import GrpcTransport  # noqa: PLC0415 - needs an extra of the package
    except ImportError as error:
        message = f"SHOP_FORWARD={url!r} needs gRPC, which is not installed: pip install 'virtual-shop[grpc]', or use http://."
        raise SettingsError(message) from error
    return GrpcTransport(url, headers)


def _headers(text: str) -> dict[str, str]:
    """Read ``name=value,name=value``, as OTEL_EXPORTER_OTLP_HEADERS is written."""
    pairs = [item.partition("=") for item in text.split(",") if item.strip()]
    if any(not name.strip() or not equals for name, equals, _ in pairs):
        raise SettingsError("SHOP_FORWARD_HEADERS is not written as name=value,name=value.")  # its value may be a secret
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _items(message: Any) -> int:
    """Count the spans, log records or metric points of a request."""
    found = 0
    for of_resource in next(iter(message.ListFields()), (None, ()))[1]:
        for scope in (scope for field, value in of_resource.ListFields() if field.name.startswith("scope_") for scope in value):
            found += sum(_size(item) for field, value in scope.ListFields() if field.name in _LISTS for item in value)
    return found


_LISTS = {"spans", "log_records", "metrics"}


def _size(item: Any) -> int:
    kind = item.WhichOneof("data") if item.DESCRIPTOR.name == "Metric" else None
    return len(getattr(item, kind).data_points) if kind else 1
