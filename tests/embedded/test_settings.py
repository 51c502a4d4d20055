import pytest

from vshop.runtime.local.shop import Shop
from vshop.shop.addresses import find
from vshop.shop.client import Placed, ShopClient

PAYLOADS = ("shop.http.", "shop.kafka.value", "shop.kafka.headers", "shop.dynamodb.")


@pytest.fixture(scope="module")
def own(beside) -> Shop:
    return beside("orders", "auth-stub", "stock-updater", SHOP_PAYLOADS="metadata", SHOP_TOKEN_LIFETIME_S="2")


@pytest.fixture(scope="module")
def client(own: Shop) -> ShopClient:
    return ShopClient(find(own.state.home, {}))


def test_metadata_puts_no_payload_on_any_span(client: ShopClient, reader, eventually):
    def accepted() -> Placed | None:
        placed = client.place_order(2, 3, headers={"X-Visitor": "curious"})
        return placed if placed.accepted else None

    placed = eventually(accepted)
    trace = reader.wait_whole(placed.trace_id, placed.order_id, timeout_s=30)
    assert len(trace.spans) == 7
    assert [name for span in trace.spans for name in span.attributes if name.startswith(PAYLOADS)] == []
    assert "curious" not in str(trace.spans)
    assert trace.roots[0].attributes["http.response.body.size"] > 0
    (taken,) = trace.find(kind="CONSUMER")
    assert (taken.attributes["shop.order.id"], taken.attributes["shop.order.outcome"]) == (placed.order_id, "applied")


def test_a_failed_order_puts_no_payload_on_any_span(client: ShopClient, reader, eventually):
    placed = eventually(lambda: (one := client.place_order(0, 0, headers={"X-Visitor": "curious"})).status == 400 and one)
    trace = reader.wait(placed.trace_id, lambda found: found.find(service="orders"), timeout_s=30)
    assert [name for span in trace.spans for name in span.attributes if name.startswith(PAYLOADS)] == []


def test_an_expired_token_is_refused_in_the_seeds_words(client: ShopClient, reader, eventually):
    token = client.token()
    refused = eventually(lambda: (placed := client.place_order(2, token=token)).status == 401 and placed)
    said = "Expired token received for JSON Web Token validation"
    assert (refused.body["detail"], refused.body["hop"]) == (said, "auth-stub")
    assert refused.headers["WWW-Authenticate"].endswith(f'error="invalid_token", error_description="{said}"')
    trace = reader.wait(refused.trace_id, lambda found: len(found.spans) == 3, timeout_s=30)
    assert [(span.kind, span.status, span.attributes["http.response.status_code"]) for _, span in trace.walk()] == [
        ("SERVER", "UNSET", 401),
        ("CLIENT", "ERROR", 401),
        ("SERVER", "UNSET", 401),
    ]
    assert token.split(".")[1] not in str(trace.spans)
