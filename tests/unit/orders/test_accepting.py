import re
import uuid

import pytest

from orders import pricing
from vshop.kit.kafka.sender import DeliveryError

ADA = "auth0|5ba1a9227dc7232e1aec4fd0"


def test_an_accepted_order_is_on_the_topic(shop, traced):
    with traced() as trace_id:
        response = shop.post({"itemId": 3, "username": ADA, "quantity": 2, "discountCode": "DEL15"})

    answer = response.get_json()
    assert response.status_code == 202
    assert answer == {"orderId": answer["orderId"], "traceId": trace_id, "traceUrl": f"http://traces/{trace_id}"}
    (record,) = shop.sender.records
    assert (record.topic, record.key) == ("queuing.retail_site.new_orders", b"3")
    (order,) = shop.sender.orders
    assert (order.order_id, order.item_id, order.username) == (answer["orderId"], 3, ADA)
    assert (order.quantity, order.discount_code, order.schema_version) == (2, "DEL15", 1)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", order.placed_at)
    assert shop.metrics.counted == [("placed", 2)]


@pytest.mark.parametrize("refused_by_kafka", [True, False], ids=["refused", "unsure"])
def test_a_delivery_failure_says_whether_kafka_may_have_the_order(shop, refused, refused_by_kafka):
    shop.sender.failure = DeliveryError("Broker: no", code="_MSG_TIMED_OUT", refused=refused_by_kafka)

    response = shop.post()

    problem = refused(response, 503)
    assert problem["hop"] == "kafka"
    assert uuid.UUID(problem["orderId"])
    assert int(response.headers["Retry-After"]) > 0
    assert ("was not accepted" in problem["detail"]) == refused_by_kafka
    assert ("may have it" in problem["detail"]) == (not refused_by_kafka)


def test_a_retry_after_an_unsure_failure_is_the_same_order(shop):
    headers = {"Idempotency-Key": "k1"}
    shop.sender.failure = DeliveryError("timed out", code="_MSG_TIMED_OUT", refused=False)
    unsure = shop.post(headers=headers).get_json()["orderId"]
    shop.sender.failure = None

    again = shop.post(headers=headers)

    assert again.status_code == 202
    assert again.get_json()["orderId"] == unsure


def test_a_retry_gets_the_first_response_and_sends_nothing(shop, traced):
    headers = {"Idempotency-Key": "k1"}
    with traced():
        first = shop.post(headers=headers)
    with traced():
        second = shop.post(headers=headers)

    assert (second.status_code, second.get_json()) == (202, first.get_json())
    assert len(shop.sender.records) == 1
    assert shop.metrics.counted == [("placed", 2)]


def test_a_key_used_for_another_order_is_refused(shop):
    shop.post(headers={"Idempotency-Key": "k1"})

    response = shop.post({"itemId": 1, "username": ADA, "quantity": 3}, headers={"Idempotency-Key": "k1"})

    assert (response.status_code, response.get_json()["field"]) == (422, "Idempotency-Key")
    assert len(shop.sender.records) == 1


def test_a_retry_without_a_token_returns_401(shop):
    shop.post(headers={"Idempotency-Key": "k1"})

    assert shop.post(user=None, headers={"Idempotency-Key": "k1"}).status_code == 401


@pytest.mark.parametrize("key", ["", "k" * 256], ids=["empty", "too long"])
def test_a_bad_key_is_refused(shop, refused, key):
    assert refused(shop.post(headers={"Idempotency-Key": key}), 400)["field"] == "Idempotency-Key"


def test_the_longest_key_is_taken(shop):
    assert shop.post(headers={"Idempotency-Key": "k" * 255}).status_code == 202


def test_two_shoppers_may_use_the_same_key(shop):
    grace = "auth0|5ba1a9227dc7232e1aec4fd1"
    ids = {
        shop.post({"itemId": 1, "username": user, "quantity": 1}, user=user, headers={"Idempotency-Key": "k"}).get_json()["orderId"]
        for user in (ADA, grace)
    }

    assert len(ids) == 2
    assert len(shop.sender.records) == 2


def test_equal_orders_without_a_key_are_two_orders(shop):
    assert shop.post().get_json()["orderId"] != shop.post().get_json()["orderId"]
    assert len(shop.sender.records) == 2


def test_the_price_is_after_the_discount():
    assert pricing.total_cents(1, 2, None) == 17_800
    assert pricing.total_cents(1, 2, "DEL15") == 15_478
    assert pricing.total_cents(9, 1000, "XMASSAVE30") == 2_230_769
