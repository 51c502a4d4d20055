from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest
from flask.testing import FlaskClient
from opentelemetry.sdk.trace import TracerProvider
from werkzeug.test import TestResponse

from auth_stub.app import create_app as create_auth_stub
from auth_stub.tokens import Tokens
from orders.app import create_app
from orders.auth import AuthClient
from orders.publisher import Publisher
from vshop.kit.http.server import HttpServer
from vshop.kit.kafka.record import Record
from vshop.kit.kafka.sender import DeliveryError
from vshop.kit.order import NewOrder, decode_record
from vshop.kit.settings import Settings

ADA = "auth0|5ba1a9227dc7232e1aec4fd0"
GRACE = "auth0|5ba1a9227dc7232e1aec4fd1"
TOPIC = "queuing.retail_site.new_orders"


class FakeSender:
    def __init__(self) -> None:
        self.records: list[Record] = []
        self.failure: DeliveryError | None = None

    def send(self, topic: str, value: bytes | None, key: bytes | None, headers: Any = None, **_more: Any) -> Record:
        if self.failure is not None:
            raise self.failure
        self.records.append(Record(topic, 0, len(self.records), key, value, list(headers or []), 0))
        return self.records[-1]

    @property
    def orders(self) -> list[NewOrder]:
        return [decode_record(record.value) for record in self.records]


class FakeMetrics:
    def __init__(self) -> None:
        self.counted: list[tuple[str, int]] = []

    def count_placed(self, _item_id: int, quantity: int) -> None:
        self.counted.append(("placed", quantity))

    def count_rejected(self, status: int) -> None:
        self.counted.append(("rejected", status))


class Shop(NamedTuple):
    client: FlaskClient
    sender: FakeSender
    metrics: FakeMetrics
    token: Callable[[str], str]

    def post(self, body: Any = None, *, user: str | None = ADA, headers: dict[str, str] | None = None, **more: Any) -> TestResponse:
        """POST an order: a dict as JSON, or bytes as they are; with the user's token unless ``user`` is None."""
        sent = {"Authorization": f"Bearer {self.token(user)}"} if user else {}
        given = {"data": body, "content_type": "application/json"} if isinstance(body, bytes) else {"json": body or order()}
        return self.client.post("/orders", headers=sent | (headers or {}), **(given | more))


def order(**changed: Any) -> dict[str, Any]:
    body = {"itemId": 1, "username": ADA, "quantity": 2} | changed
    return {name: value for name, value in body.items() if value is not None}


class Stage:
    def __init__(self) -> None:
        self.app: Any = None
        self.port = 0

    def __call__(self, environ: Any, start_response: Any) -> Any:
        return self.app(environ, start_response)


def _served(app: Any) -> HttpServer:
    return HttpServer(app, "127.0.0.1", 0, drain_s=1)


@pytest.fixture(scope="session")
def tokens() -> Tokens:
    return Tokens(Settings())


@pytest.fixture(scope="session")
def auth_url(tokens: Tokens) -> Iterator[str]:
    with _served(create_auth_stub(tokens)) as server:
        yield f"http://127.0.0.1:{server.port}"


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    stage = Stage()
    with _served(stage) as server:
        stage.port = server.port
        yield stage


@pytest.fixture
def open_shop(tokens: Tokens) -> Iterator[Callable[..., Shop]]:
    clients = []

    def build(url: str, read_timeout_s: float = 2.0) -> Shop:
        auth = AuthClient(Settings(auth_url=url, auth_read_timeout_s=read_timeout_s))
        clients.append(auth)
        sender, metrics = FakeSender(), FakeMetrics()
        app = create_app(auth, Publisher(sender, TOPIC), metrics, {}, "http://traces/{traceId}")
        return Shop(app.test_client(), sender, metrics, tokens.issue)

    yield build
    for auth in clients:
        auth._session.close()


@pytest.fixture
def shop(open_shop: Callable[..., Shop], auth_url: str) -> Shop:
    return open_shop(auth_url)


@pytest.fixture
def traced() -> Callable[[], Any]:
    tracer = TracerProvider().get_tracer("tests")

    @contextmanager
    def block() -> Iterator[str]:
        with tracer.start_as_current_span("POST /orders") as span:
            yield f"{span.get_span_context().trace_id:032x}"

    return block


@pytest.fixture
def refused(shop: Shop) -> Callable[..., dict[str, Any]]:
    def check(response: TestResponse, status: int, of: Shop = shop) -> dict[str, Any]:
        problem = response.get_json()
        assert (response.status_code, response.mimetype) == (status, "application/problem+json"), response.text
        assert problem["status"] == status
        assert problem["title"]
        assert problem["detail"]
        assert "Traceback" not in response.text
        assert ".py" not in response.text
        assert of.sender.records == []
        assert of.metrics.counted == [("rejected", status)]
        return problem

    return check
