import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
import requests

from vshop.runtime.local.shop import Shop
from vshop.shop.addresses import Addresses, find
from vshop.shop.client import USERS, ShopClient, ShopError

SERVICES = ("orders", "auth-stub", "stock-updater")
INCIDENT = "stock-put-missing-key"
CAPTURE = {
    f"OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_{side}": ".*"
    for side in ("SERVER_REQUEST", "SERVER_RESPONSE", "CLIENT_REQUEST", "CLIENT_RESPONSE")
}
MODES = [
    # `none`: every import is written to the log.
    pytest.param(("none", {"PYTHONPROFILEIMPORTTIME": "1"}), id="none"),
    # `zero-code`: baggage is not propagated, and every header is captured.
    pytest.param(("zero-code", {"OTEL_PROPAGATORS": "tracecontext"} | CAPTURE), id="zero-code"),
    # a command: its exporters do not redact
    pytest.param(
        ("opentelemetry-instrument --traces_exporter otlp --logs_exporter otlp", {}), id="command", marks=pytest.mark.slow
    ),
]


class ModeShop(NamedTuple):
    mode: str
    shop: Shop
    client: ShopClient

    def log(self, service: str) -> str:
        return (Path(self.shop.state.home) / "logs" / f"{service}.log").read_text(errors="replace")

    def flush(self) -> None:
        """Export everything. The client would not, because the board knows two instances of each service."""
        where = self.client.addresses
        for url in (where.orders, where.auth, where.stock):
            assert requests.post(f"{url}/flush", timeout=30).json()["flushed"], self.mode


@pytest.fixture(scope="module", params=MODES)
def run(request, shop, addresses, beside) -> Iterator[ModeShop]:
    mode, env = request.param
    own = beside(*SERVICES, SHOP_TELEMETRY=mode, SHOP_CONSOLE_URL=shop.addresses["console"], **env)
    mine = find(own.state.home, {})
    where: Addresses = msgspec.structs.replace(addresses, orders=mine.orders, auth=mine.auth, stock=mine.stock)
    yield ModeShop(mode, own, ShopClient(where))
    own.stop()


def dead_letter(client: ShopClient, order_id: str) -> dict:
    return next((letter for letter in client.dead_letters() if order_id in letter["value"]), {})


def test_an_order_moves_the_stock(run, eventually):
    before = run.client.item(2)["stock"]

    placed = run.client.place_order(2, 3)

    assert placed.accepted
    assert eventually(lambda: placed.order_id in run.client.item(2)["recent"])
    assert run.client.item(2)["stock"] == before - 3


def test_a_switch_of_one_request_crosses_http_and_kafka(run, eventually):
    headers = {"baggage": f"a=b,shop.chaos={INCIDENT}"}
    assert run.client.place_order(3, headers={"baggage": "shop.chaos=auth-malformed-response"}).status == 500

    broken, fine = run.client.place_order(3, headers=headers), run.client.place_order(3)

    letter = eventually(lambda: dead_letter(run.client, broken.order_id))
    assert letter["errorType"] == "ValidationException"
    assert eventually(lambda: fine.order_id in run.client.item(3)["recent"])
    assert run.client.replay(letter["id"])["replayed"] is True
    assert eventually(lambda: broken.order_id in run.client.item(3)["recent"])
    assert dead_letter(run.client, broken.order_id)["handled"] is True


def test_a_switch_for_everybody_works(run, eventually):
    run.client.switch_on(INCIDENT, items=[5])
    try:
        broken = run.client.place_order(5)
        assert eventually(lambda: dead_letter(run.client, broken.order_id))
    finally:
        run.client.switch_off(INCIDENT)
    fine = run.client.place_order(5)
    assert eventually(lambda: fine.order_id in run.client.item(5)["recent"])


def test_the_services_say_the_mode(run):
    assert run.client.telemetry_mode() == run.mode
    seen = {name: part["seen"] for name, part in run.shop.status()["parts"].items()}
    assert seen["orders"] == seen["stock-updater"] == f"ready, telemetry: {run.mode}"
    for service in SERVICES:
        assert len(re.findall(r"without payloads|telemetry is off", run.log(service))) == 1
        assert "Traceback" not in run.log("orders").split("listening", maxsplit=1)[0]


def test_only_the_agent_loads_an_sdk(run):
    imported = {service: set(re.findall(r"\| +(opentelemetry[.\w]*)$", run.log(service), re.MULTILINE)) for service in SERVICES}
    if run.mode != "none":
        pytest.skip("only in the mode none")
    for service, modules in imported.items():
        assert "opentelemetry.trace" in modules, f"{service}: the imports are in its log"
        assert not [
            name for name in modules if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter", "opentelemetry.distro"))
        ]


def test_an_agents_spans_logs_and_metrics_bear_the_services_names(run, observatory, eventually):
    if run.mode == "none":
        pytest.skip("nothing is exported")
    placed = run.client.place_order(6, 2)
    assert eventually(lambda: placed.order_id in run.client.item(6)["recent"])
    run.flush()

    spans = observatory.trace(placed.trace_id)["spans"]
    names = {span["operationName"] for span in spans}
    tags = {tag["key"]: tag["value"] for span in spans for tag in span["tags"]}
    assert names >= {"POST /orders", "GET", "GET /api/v2/users/<user_id>"}
    assert [name for name in names if name.endswith(" send")], "the span of the agent's Kafka instrumentation"
    assert (tags["shop.item.id"], tags["shop.order.id"]) == (6, placed.order_id)
    assert not [key for key in tags if key.startswith(("shop.http.", "shop.kafka.value", "shop.dynamodb"))]
    records = eventually(lambda: observatory.json("/api/logs", traceId=placed.trace_id)["records"])
    assert [record["service"] for record in records if "placing new order" in record["body"]] == ["orders"]


def test_no_secret_is_in_anything_exported(run, shop, observatory, eventually):
    hushed = {name: f"hush-{secrets.token_hex(12)}" for name in ("password", "key", "field", "record", "query")}
    token = run.client.token()
    bearer = {"Authorization": f"Bearer {token}", "X-Api-Key": hushed["key"]}
    order = {"itemId": 1, "username": USERS[0], "quantity": 1}
    session = requests.Session()
    with pytest.raises(ShopError):
        run.client._call("auth-stub", "POST", "/oauth/token", json={"password": hushed["password"]})
    url = f"{run.client.addresses.orders}/orders"
    assert session.post(url, json=order, headers=bearer, timeout=30).status_code == 202
    assert (
        session.post(url, json=order | {"discountCode": f"password={hushed['field']}"}, headers=bearer, timeout=30).status_code
        == 400
    )
    assert session.post(url, json=order | {"access_token": hushed["record"]}, headers=bearer, timeout=30).status_code == 400
    if run.mode == "zero-code":
        assert session.get(url, params={"access_token": hushed["query"]}, timeout=30).status_code == 405
        assert session.get(f"{url}/{token}", timeout=30).status_code == 404
    broken = run.client.place_order(7, headers={"baggage": f"shop.chaos={INCIDENT}"} | bearer, token=token)
    assert eventually(lambda: dead_letter(run.client, broken.order_id))
    run.flush()

    exported = {service: observatory.text("/api/traces", service=service, limit=10**6) for service in SERVICES}
    exported |= {"logs": observatory.text("/api/logs", limit=10**6), "metrics": observatory.text("/api/metrics")}
    exported |= {f"log of {service}": run.log(service) for service in SERVICES}
    if run.mode != "none":
        assert broken.trace_id in exported["orders"]
    words = [*hushed.values(), token.split(".")[1][:24], token.split(".")[2][:24]]
    leaks = [
        f"…{text[at - 200 : at + 60]}… in {place}"
        for place, text in exported.items()
        for word in words
        for at in [text.find(word)]
        if at >= 0
    ]
    assert not leaks, "\n".join(leaks)
    assert not [place for place in SERVICES if "x-shop-chaos" in exported[place]]
