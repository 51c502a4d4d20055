"""DynamoDB in memory, by moto: ``python -m vshop.runtime.moto_server PORT FILE``. Listens on loopback.

Told to stop, it saves its tables in FILE; started, it begins with the tables that it finds there. Between the last write that it
acknowledges and the saving, and between the first question that it answers and the putting back, nobody gets in.

Not ``python -m moto.server``, for two more reasons: that handles requests side by side though moto's tables have no lock, so that
of two conditional writes both could win; and it closes the connection after every request.
"""

import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vshop.kit.program import run
from vshop.kit.server import HttpServer, stop_event
from vshop.runtime.moto_tables import Tables, TablesError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication


def one_at_a_time(app: "WSGIApplication", lock: threading.Lock) -> "WSGIApplication":
    """Let one request into an application at a time.

    Args:
        app: one that answers with a finished body, as moto does.
        lock: held during each request.
    """

    def guarded(environ: dict[str, Any], start_response: "StartResponse") -> Iterable[bytes]:
        with lock:
            return app(environ, start_response)

    return guarded


def main() -> None:
    """Serve until told to stop, then save."""
    from moto.moto_server.werkzeug_app import create_backend_app  # noqa: PLC0415 - nothing of moto is loaded by importing this module

    port, file, lock = int(sys.argv[1]), Path(sys.argv[2]), threading.Lock()
    stop = stop_event()
    moto = create_backend_app("dynamodb")
    tables = Tables(moto)
    if file.exists():
        try:
            tables.restore(file)
        except TablesError as error:
            sys.exit(str(error))
        # It is used once: after a crash it would bring back a stock from before the orders that Kafka kept.
        file.rename(file.with_suffix(".restored.json"))
    with HttpServer(one_at_a_time(moto, lock), "127.0.0.1", port, threads=4, drain_s=2):
        stop.wait()
    with lock:  # for good: a request that outlived the server is not answered after the saving
        tables.save(file)


if __name__ == "__main__":
    run(main)
