from auth_stub.app import create_app
from auth_stub.tokens import Tokens
from vshop.kit.http.server import HttpServer
from vshop.kit.settings import load
from vshop.runtime.model import ports
from vshop.shop.addresses import Addresses
from vshop.shop.client import USERS, ShopClient


def test_token_has_the_audience_of_the_settings(monkeypatch):
    monkeypatch.setenv("SHOP_TOKEN_AUDIENCE", "https://another.example/api")
    tokens, (port,) = Tokens(load()), ports.free(1)

    with HttpServer(create_app(tokens), "127.0.0.1", port):
        token = ShopClient(Addresses(auth=f"http://127.0.0.1:{port}")).token(USERS[1])

    assert tokens.validate(token) == USERS[1]
