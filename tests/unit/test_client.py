"""What the client asks of a shop, with auth-stub itself on a port."""

from auth_stub.app import create_app
from auth_stub.tokens import Tokens
from vshop.addresses import Addresses
from vshop.client import USERS, ShopClient
from vshop.kit.server import HttpServer
from vshop.kit.settings import load
from vshop.runtime import ports


def test_a_token_is_asked_for_the_audience_that_the_shop_has(monkeypatch):
    """Both are told by the same variable."""
    monkeypatch.setenv("SHOP_TOKEN_AUDIENCE", "https://another.example/api")
    tokens, (port,) = Tokens(load()), ports.free(1)

    with HttpServer(create_app(tokens), "127.0.0.1", port):
        token = ShopClient(Addresses(auth=f"http://127.0.0.1:{port}")).token(USERS[1])

    assert tokens.validate(token) == USERS[1]
