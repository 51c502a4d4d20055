import re
from types import SimpleNamespace

import pytest

from vshop.shop.client import ShopError
from vshop.shop.first_order import BrokenHopError, follow
from vshop.shop.spans import Span
from vshop.shop.traces import Trace, TraceError


class Client:
    def __init__(self, *, recent=(), letters=(), status=202):
        self.recent = recent
        self.letters = letters
        self.status = status

    def telemetry_mode(self):
        return "none"

    def place_order(self, **_):
        body = {"detail": "no Kafka", "hop": "kafka"}
        return SimpleNamespace(accepted=self.status == 202, status=self.status, body=body, order_id="order-1", trace_id="")

    def flush(self, parts, within_s):
        assert parts == ("stock-updater",)
        assert within_s >= 0

    def item(self, item_id):
        assert item_id == 0
        return {"recent": self.recent}

    def dead_letters(self):
        return [{"value": value, "errorMessage": "too big"} for value in self.letters]


def test_an_order_in_the_stock_is_enough():
    followed = follow(Client(recent=["order-0", "order-1"]), None)

    assert (followed.trace, followed.telemetry) == (None, "none")


@pytest.mark.parametrize(
    ("client", "words"),
    [
        (Client(recent=["order-0"]), "Kafka → stock-updater. The order was accepted, but the stock does not include it"),
        (Client(letters=['{"orderId": "order-1"}']), "it is a dead letter: too big"),
        (Client(letters=['{"orderId": "order-2"}']), "the stock does not include it"),
        (Client(status=503), "orders → kafka. The order was answered 503: no Kafka"),
    ],
)
def test_any_other_order_names_the_broken_hop(client, words):
    with pytest.raises(BrokenHopError, match=re.escape(words)):
        follow(client, None, timeout_s=0.05)


def test_a_service_that_is_away_is_the_broken_hop(monkeypatch):
    def refuse(*_):
        raise ShopError("refused", hop="stock-updater")

    monkeypatch.setattr(Client, "item", refuse)
    with pytest.raises(BrokenHopError, match=r"shopper → stock-updater\. refused"):
        follow(Client(), None, timeout_s=0.05)


def span(span_id, parent_id, service, kind, **attributes):
    return Span(
        trace_id="t", span_id=span_id, parent_id=parent_id, service=service, name=kind, kind=kind, status="UNSET",
        status_message="", start_ns=0, end_ns=1, attributes=attributes, events=[], links=[], resource={},
    )  # fmt: skip


ENTRY = span("1", None, "orders", "SERVER")
CALL = span("2", "1", "orders", "CLIENT", **{"http.response.status_code": 200})
ANSWER = span("3", "2", "auth-stub", "SERVER")
SENT = span("4", "1", "orders", "PRODUCER", **{"messaging.destination.name": "orders"})


@pytest.mark.parametrize(
    ("spans", "hop"),
    [([], "orders → traces"), ([ENTRY, CALL], "auth-stub → traces"), ([ENTRY, CALL, ANSWER, SENT], "Kafka → stock-updater")],
)
def test_the_missing_span_names_the_broken_hop(spans, hop):
    def wait_whole(*_):
        raise TraceError("seen: auth-stub SERVER", Trace("t", spans))

    client = Client()
    client.telemetry_mode = lambda: "sdk"
    client.flush = lambda **_: SimpleNamespace(complete=True)
    with pytest.raises(BrokenHopError, match=f"Broken hop: {hop}"):
        follow(client, SimpleNamespace(wait_whole=wait_whole), timeout_s=0.05)
