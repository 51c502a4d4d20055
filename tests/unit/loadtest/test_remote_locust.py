import http.server
import json
import threading

import pytest

from loadtest.swarm import Load, LostLinesError, RemoteSwarm, SwarmError

LINE = {"event": "accepted", "at": 1.0, "itemId": 3, "quantity": 2, "tries": 1, "traceId": "t"}


class Page(http.server.ThreadingHTTPServer):
    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.lines, self.cut_off, self.stopped = [], 0, 0
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    def _answer(self):
        if self.server.cut_off:
            self.server.cut_off -= 1
            self.close_connection = True
            return
        self.server.stopped += self.path == "/stop"
        since = int(self.path.partition("since=")[2] or 0)
        lines = self.server.lines[since:]
        body = {"first": 0, "next": since + len(lines), "lines": lines, "state": "running", "success": True, "workers": None}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def do_GET(self):
        self._answer()

    def do_POST(self):
        self._answer()

    def log_message(self, *_):
        """Print nothing."""


@pytest.fixture
def page():
    with Page() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_failed_request_loses_no_line(page):
    """As when a port forward finds another pod."""
    source = RemoteSwarm(Load(), page.url)
    page.lines = [LINE | {"orderId": "o1"}, LINE | {"orderId": "o2"}]
    page.cut_off = 1

    assert (source.read(), source.silent) == ([], True)
    assert ([line.order_id for line in source.read()], source.silent) == (["o1", "o2"], False)
    assert source.read() == []


def test_unreachable_locust_is_an_error(page):
    source = RemoteSwarm(Load(), page.url, patience_s=0.0)
    page.cut_off = 1

    with pytest.raises(LostLinesError, match="has not answered for 0 s"):
        source.read()


def test_stop_is_retried(page):
    swarm = RemoteSwarm(Load(), page.url)
    page.cut_off = 2
    swarm.stop()
    assert page.stopped == 1

    page.cut_off = 99
    with pytest.raises(SwarmError, match="cannot be reached"):
        swarm.stop()
