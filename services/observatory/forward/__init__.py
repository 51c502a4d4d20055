"""Forwards requests to OTLP endpoints and files. Receiving never waits for a target."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import msgspec

from observatory.forward.queue import Batch, ForwardQueue, Transport
from observatory.forward.transports import FileTransport, GrpcTransport, HttpTransport
from observatory.store.otlp import SIGNALS, Signal
from vshop.kit.settings import Settings, SettingsError

_LOOPBACK = {"localhost", "127.0.0.1", "0.0.0.0", "::1", "::"}


class Forwarding:
    """The queues of all targets. At the end, each queued request is tried once more."""

    def __init__(self, queues: Iterable[ForwardQueue] = ()) -> None:
        self._queues = list(queues)

    def offer(self, signal: Signal, message: Any) -> None:
        """Queue an ``Export…ServiceRequest`` for every target that wants the signal."""
        if not self._queues:
            return
        batch = Batch(signal, message.SerializeToString(), SIGNALS[signal].count(message))
        for queue in self._queues:
            if signal in queue.signals:
                queue.offer(batch)

    def wait_sent(self, deadline: float) -> int:
        """Wait for every queue."""
        return sum(queue.wait_sent(deadline) for queue in self._queues)

    def counts(self) -> list[dict[str, Any]]:
        """Return each target's counts."""
        return [queue.counts() for queue in self._queues]

    def __enter__(self) -> Self:
        for queue in self._queues:
            queue.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for queue in self._queues:
            queue.close()
        for queue in self._queues:
            queue.join()


class Target(msgspec.Struct, frozen=True):
    """A target of ``SHOP_FORWARD``: ``url;signals=traces,logs;header=name=value``."""

    url: str
    signals: frozenset[str]
    headers: dict[str, str]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a target, or raise SettingsError, whose message omits headers, which may be secrets."""
        url, *options = (part.strip() for part in text.split(";"))
        signals, headers = frozenset[str](SIGNALS), dict[str, str]()
        for option in filter(None, options):
            name, _, value = option.partition("=")
            if name == "header":
                headers |= _headers(value, f"The header of {url!r} in SHOP_FORWARD", separator="")
            elif name == "signals" and value and SIGNALS.keys() >= {item.strip() for item in value.split(",")}:
                signals = frozenset(item.strip() for item in value.split(","))
            else:
                shown = option if name == "signals" else name
                expected = "signals=traces,logs,metrics (one or more) or header=name=value"
                raise SettingsError(f"SHOP_FORWARD: {shown!r} is not an option of the target {url!r}. Use {expected}.")
        return cls(url, signals, headers)


def _split(text: str) -> list[str]:
    return [part.strip() for part in re.split(r",(?=[^,;=]*(?:://|$)|[^,;=]+:\d)|\s*\n", text) if part.strip(" ,")]


def from_settings(settings: Settings) -> Forwarding:
    """Build the targets in ``SHOP_FORWARD`` and ``SHOP_EXPORT_DIR``.

    Raises:
        SettingsError: an address is invalid, headers have no target, or gRPC is not installed.
    """
    common = _headers(settings.forward_headers, "SHOP_FORWARD_HEADERS")
    targets = [Target.parse(text) for text in _split(settings.forward)]
    if common and len(targets) > 1:
        options = "".join(f";header={name}=…" for name in common)
        raise SettingsError(
            f"SHOP_FORWARD_HEADERS would send {', '.join(common)} to all {len(targets)} targets of SHOP_FORWARD. "
            f"Unset it, and write each header after the target that needs it, such as {targets[0].url}{options}"
        )
    queues = [ForwardQueue(_transport(one.url, common | one.headers, settings), signals=one.signals) for one in targets]
    if settings.export_dir:
        queues.append(ForwardQueue(FileTransport(Path(settings.export_dir))))
    return Forwarding(queues)


def _transport(url: str, headers: Mapping[str, str], settings: Settings) -> Transport:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = -1
    is_grpc = parts.scheme in {"grpc", "grpcs"}
    if not (is_grpc or parts.scheme in {"http", "https"}) or not parts.hostname or port == -1 or (is_grpc and port is None):
        raise SettingsError(f"SHOP_FORWARD={url!r} is not an address such as http://127.0.0.1:4319 or grpc://127.0.0.1:4317.")
    if parts.hostname in _LOOPBACK and port in {settings.otlp_port, settings.query_port}:
        raise SettingsError(f"SHOP_FORWARD={url!r} is the observatory's own address. Forwarding to itself would never end.")
    try:
        return GrpcTransport(url, headers) if is_grpc else HttpTransport(url, headers)
    except ImportError as error:
        message = f"SHOP_FORWARD={url!r} needs gRPC, which is not installed. Run pip install 'virtual-shop[grpc]', or use http://."
        raise SettingsError(message) from error


def _headers(text: str, setting: str, separator: str = ",") -> dict[str, str]:
    pairs = [item.partition("=") for item in (text.split(separator) if separator else [text]) if item.strip()]
    if any(not name.strip() or not equals for name, equals, _ in pairs):
        # The value may be a secret, so the message omits it.
        raise SettingsError(f"{setting} is not in the form name=value{separator and ',name=value'}.")
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
