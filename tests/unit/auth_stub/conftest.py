import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from flask.testing import FlaskClient

from auth_stub.app import create_app
from auth_stub.tokens import Tokens
from vshop.kit.settings import Settings


@pytest.fixture(scope="session")
def tokens() -> Tokens:
    return Tokens(Settings())


@pytest.fixture
def client(tokens: Tokens) -> FlaskClient:
    return create_app(tokens).test_client()


@pytest.fixture
def forge(tokens: Tokens) -> Callable[..., str]:
    def make(key: Any = None, algorithm: str = "RS256", headers: dict[str, Any] | None = None, **claims: Any) -> str:
        good = jwt.decode(tokens.issue("auth0|5ba1a9227dc7232e1aec4fd0"), options={"verify_signature": False})
        wanted = {name: value for name, value in (good | claims).items() if value is not None}
        return jwt.encode(wanted, tokens._key if key is None else key, algorithm=algorithm, headers=headers)

    return make


@pytest.fixture
def now() -> int:
    return int(time.time())
