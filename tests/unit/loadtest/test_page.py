"""The page of a Locust elsewhere, by a way that is cut off now and then."""

import http.server
import json
import threading

import pytest

from loadtest.ledger import LostLinesError, PageSource
from loadtest.swarm import Load, RemoteSwarm, SwarmError

LINE = {"event": "accepted", "at": 1.0, "itemId": 3, "quantity": 2, "tries": 1, "traceId": "t"}


class Page(http.server.ThreadingHTTPServer):
    """Locust's page: as much of it as is asked for here."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.lines, self.cut_off, self.stopped = [], 0, 0
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers, unless it is cut off."""

    def _answer(self):
        if self.server.cut_off:
            self.server.cut_off -= 1
            self.close_connection = True
            return
        self.server.stopped += self.path == "/stop"
        since = int(self.path.partition("since=")[2] or 0)
        lines = self.server.lines[since:]
        told = {"first": 0, "next": since + len(lines), "lines": lines, "state": "running", "success": True, "workers": None}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(told).encode())

    def do_GET(self):
        """Tell lines, or workers."""
        self._answer()

    def do_POST(self):
        """Begin, or stop."""
        self._answer()

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def page():
    """A page that answers."""
    with Page() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_look_that_comes_to_nothing_loses_no_line(page):
    """As when a forward finds another pod; the next one gets them."""
    source = PageSource(page.url)
    page.lines = [LINE | {"orderId": "o1"}, LINE | {"orderId": "o2"}]
    page.cut_off = 1

    assert (source.read(), source.silent) == ([], True)
    assert ([line.order_id for line in source.read()], source.silent) == (["o1", "o2"], False)
    assert source.read() == []


def test_a_page_that_never_answers_is_told(page):
    """What the shoppers ordered is not known then."""
    source = PageSource(page.url, patience_s=0.0)
    page.cut_off = 1

    with pytest.raises(LostLinesError, match="has not answered for 0 s"):
        source.read()


def test_shoppers_are_sent_home_at_the_second_try(page):
    """And what cannot be reached at all is told."""
    swarm = RemoteSwarm(Load(), page.url)
    page.cut_off = 2
    swarm.stop()
    assert page.stopped == 1

    page.cut_off = 99
    with pytest.raises(SwarmError, match="cannot be reached"):
        swarm.stop()
