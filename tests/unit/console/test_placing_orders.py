import pytest

from console.app import create_app, install_page, shop_addresses
from console.board.board import Board
from console.board.journal import Journal
from console.page.samplers import HostMetrics, Parts
from vshop.incidents import load_catalogue
from vshop.kit.settings import Settings
from vshop.shop.client import USERS, Placed, ShopClient, ShopError

ORDER = {"itemId": 3, "quantity": 2, "user": USERS[1], "chaos": "pricing-type-error"}


@pytest.fixture(scope="module")
def client():
    catalogue, journal = load_catalogue(), Journal(None)
    board = Board(catalogue, journal)
    app = create_app(board, journal)
    closed = "http://127.0.0.1:1"
    settings = Settings(orders_url=closed, auth_url=closed, stock_url=closed, observatory_url=closed)
    install_page(app, settings, board, (HostMetrics(), Parts(shop_addresses(settings))))
    return app.test_client()


@pytest.mark.parametrize(
    ("method", "path", "hop"),
    [
        ("POST", "/api/shop/orders", "auth-stub"),
        ("POST", "/api/shop/customers", "auth-stub"),
        ("GET", "/api/shop/stock", "stock-updater"),
        ("GET", "/api/traces", "observatory"),
    ],
)
def test_an_unreachable_service_is_503_with_its_name(client, method, path, hop):
    body = ORDER if path.endswith("orders") else {}
    answer = client.open(path, method=method, json=body if method == "POST" else None)

    assert (answer.status_code, answer.get_json()["hop"]) == (503, hop)
    assert answer.get_json()["detail"] == f"{hop} does not answer: Connection refused."


def test_a_refused_login_is_the_result_of_the_order(client, monkeypatch):
    def refuse(*_arguments, **_options):
        raise ShopError("POST /oauth/token answered 403: wrong password", hop="auth-stub", status=403)

    monkeypatch.setattr(ShopClient, "token", refuse)

    answer = client.post("/api/shop/orders", json=ORDER)

    assert answer.status_code == 200
    assert answer.get_json() == {
        "status": 403,
        "hop": "auth-stub",
        "accepted": False,
        "traceId": None,
        "orderId": None,
        "answer": {"detail": "POST /oauth/token answered 403: wrong password"},
    }


def test_login_and_order_carry_the_incident(client, monkeypatch):
    sent = {}

    def token(_self, username, *, headers):
        sent["login"] = (username, headers)
        return "t"

    def place_order(_self, item_id, quantity, **options):
        sent["order"] = (item_id, quantity, options)
        return Placed(status=500, trace_id="abc", headers={}, body={"detail": "no"})

    monkeypatch.setattr(ShopClient, "token", token)
    monkeypatch.setattr(ShopClient, "place_order", place_order)

    answer = client.post("/api/shop/orders", json=ORDER).get_json()

    baggage = {"baggage": "shop.chaos=pricing-type-error"}
    assert sent["login"] == (USERS[1], baggage)
    assert sent["order"] == (3, 2, {"username": USERS[1], "discount_code": None, "token": "t", "headers": baggage})
    assert (answer["status"], answer["hop"], answer["traceId"], answer["orderId"]) == (500, "orders", "abc", None)
