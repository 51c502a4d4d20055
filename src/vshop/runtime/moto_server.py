"""DynamoDB in memory, by moto: ``python -m vshop.runtime.moto_server PORT``. Listens on loopback.

Not ``python -m moto.server``, for two reasons: that handles requests side by side though moto's tables have no lock, so that of two
conditional writes both could win; and it closes the connection after every request.
"""

import sys
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication


def one_at_a_time(app: "WSGIApplication") -> "WSGIApplication":
    """Let one request into an application at a time.

    Args:
        app: one that answers with a finished body, as moto does.
    """
    lock = threading.Lock()

    def guarded(environ: dict[str, Any], start_response: "StartResponse") -> Iterable[bytes]:
        with lock:
            return app(environ, start_response)

    return guarded


def main() -> None:
    """Serve until killed; there is nothing to save, so SIGTERM may end it at once."""
    from cheroot.wsgi import Server  # noqa: PLC0415 - nothing of moto is loaded by importing this module
    from moto.moto_server.werkzeug_app import create_backend_app  # noqa: PLC0415

    server = Server(("127.0.0.1", int(sys.argv[1])), one_at_a_time(create_backend_app("dynamodb")), numthreads=4)
    server.start()


if __name__ == "__main__":
    main()
