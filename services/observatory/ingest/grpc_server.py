"""Receives OTLP/gRPC (https://opentelemetry.io/docs/specs/otlp/#otlpgrpc), if ``virtual-shop[grpc]`` is installed."""

import contextlib
import importlib.util
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from observatory.ingest import Receiver
from observatory.store.otlp import SIGNALS, DecodeError, Signal, decode
from vshop.kit.settings import SettingsError

log = logging.getLogger("observatory.grpc")

_THREADS = 4
_STOP_WITHIN_S = 1.0


def installed() -> bool:
    """Return whether grpcio is installed."""
    return importlib.util.find_spec("grpc") is not None


@contextlib.contextmanager
def serving(receiver: Receiver, host: str, port: int, max_bytes: int) -> Iterator[int]:
    """Serve inside the block; yield the port. Raises SettingsError if it is in use."""
    import grpc  # noqa: PLC0415 - an optional dependency

    options = [("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", max_bytes)]
    server = grpc.server(ThreadPoolExecutor(_THREADS, "otlp-grpc"), options=options)
    for signal, messages in SIGNALS.items():
        service, name = messages.method[1:].split("/")
        handler = grpc.unary_unary_rpc_method_handler(_export(receiver, signal, grpc.StatusCode.INVALID_ARGUMENT))
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {name: handler}),))
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        bound = server.add_insecure_port(address)
    except RuntimeError as error:
        raise SettingsError(f"Cannot receive OTLP/gRPC on {address}. Choose another port with SHOP_OTLP_GRPC_PORT.") from error
    server.start()
    log.info("receives OTLP/gRPC on port %d", bound)
    try:
        yield bound
    finally:
        server.stop(_STOP_WITHIN_S).wait()


def _export(receiver: Receiver, signal: Signal, invalid: Any) -> Any:
    kind = SIGNALS[signal].request

    def export(body: bytes, context: Any) -> bytes:
        try:
            message = decode(kind, body)
        except DecodeError as error:
            context.abort(invalid, f"The body is not an {kind.__name__}: {error}.")
        return bytes(receiver.receive(signal, message).SerializeToString())

    return export
