import re
from types import SimpleNamespace

import pytest

from vshop.shop.client import ShopError
from vshop.shop.first_order import BrokenHopError, follow


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
