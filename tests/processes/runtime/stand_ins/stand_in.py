"""A stub service. ``STAND_IN_<SERVICE>`` selects how it fails."""

import json
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


def run(service: str, port: str) -> None:
    behaviour = os.environ.get(f"STAND_IN_{service}", "")
    print(f"{service} starts", flush=True)  # noqa: T201 - stdout is its log
    if behaviour == "dies":
        print("out of patience", flush=True)  # noqa: T201 - as above
        sys.exit(3)
    if behaviour == "ignores-sigterm":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    body = {"checks": {"kafka": {"ok": behaviour != "never-ready", "seen": "the queue is closed", "ms": 1}}}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = json.dumps(body | {"env": {k: v for k, v in os.environ.items() if k.startswith(("SHOP_", "OTEL_", "AWS_"))}})
            self.send_response(503 if behaviour == "never-ready" else 200)
            self.end_headers()
            self.wfile.write(answer.encode())

    HTTPServer(("127.0.0.1", int(os.environ[port])), Handler).serve_forever()
