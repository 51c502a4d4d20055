"""202 means that Kafka has the order; anything else says what is known."""

import re
import uuid

import pytest

from vshop.kit.kafka_sender import DeliveryError

ADA = "auth0|5ba1a9227dc7232e1aec4fd0"


def test_an_accepted_order_is_on_the_topic(shop, traced):
    """The answer, the record and the count agree."""
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
    assert shop.measures.counted == [("placed", 2)]


@pytest.mark.parametrize("refused_by_kafka", [True, False], ids=["refused", "unsure"])
def test_a_delivery_failure_says_whether_kafka_may_have_the_order(shop, refused, refused_by_kafka):
    """Refused means surely not taken; without an acknowledgement nobody knows."""
    shop.sender.failure = DeliveryError("Broker: no", code="_MSG_TIMED_OUT", refused=refused_by_kafka)

    response = shop.post()

    problem = refused(response, 503)
    assert problem["hop"] == "kafka"
    assert uuid.UUID(problem["orderId"])
    assert int(response.headers["Retry-After"]) > 0
    assert ("was not accepted" in problem["detail"]) == refused_by_kafka
    assert ("may have it" in problem["detail"]) == (not refused_by_kafka)


def test_a_retry_after_an_unsure_failure_is_the_same_order(shop):
    """So that stock-updater counts it once, whatever became of the first."""
    headers = {"Idempotency-Key": "k1"}
    shop.sender.failure = DeliveryError("timed out", code="_MSG_TIMED_OUT", refused=False)
    unsure = shop.post(headers=headers).get_json()["orderId"]
    shop.sender.failure = None

    again = shop.post(headers=headers)

    assert again.status_code == 202
    assert again.get_json()["orderId"] == unsure


def test_a_retry_gets_the_same_answer_and_sends_nothing(shop, traced):
    """Also when the retry is another trace."""
    headers = {"Idempotency-Key": "k1"}
    with traced():
        first = shop.post(headers=headers)
    with traced():
        second = shop.post(headers=headers)

    assert (second.status_code, second.get_json()) == (202, first.get_json())
    assert len(shop.sender.records) == 1
    assert shop.measures.counted == [("placed", 2)]


def test_a_key_used_for_another_order_is_refused(shop):
    """The first order stays as it is."""
    shop.post(headers={"Idempotency-Key": "k1"})

    response = shop.post({"itemId": 1, "username": ADA, "quantity": 3}, headers={"Idempotency-Key": "k1"})

    assert (response.status_code, response.get_json()["field"]) == (422, "Idempotency-Key")
    assert len(shop.sender.records) == 1


def test_a_retry_needs_the_token_too(shop):
    """A key is no credential."""
    shop.post(headers={"Idempotency-Key": "k1"})

    assert shop.post(user=None, headers={"Idempotency-Key": "k1"}).status_code == 401


@pytest.mark.parametrize("key", ["", "k" * 256], ids=["empty", "too long"])
def test_a_bad_key_is_refused(shop, refused, key):
    """Before anything is sent."""
    assert refused(shop.post(headers={"Idempotency-Key": key}), 400)["field"] == "Idempotency-Key"


def test_the_longest_key_is_taken(shop):
    """255 characters."""
    assert shop.post(headers={"Idempotency-Key": "k" * 255}).status_code == 202


def test_two_shoppers_equal_keys_do_not_meet(shop):
    """A key is one shopper's."""
    grace = "auth0|5ba1a9227dc7232e1aec4fd1"
    ids = {
        shop.post({"itemId": 1, "username": user, "quantity": 1}, user=user, headers={"Idempotency-Key": "k"}).get_json()["orderId"]
        for user in (ADA, grace)
    }

    assert len(ids) == 2
    assert len(shop.sender.records) == 2


def test_without_a_key_two_orders_are_two(shop):
    """Equal bodies are no reason to take them for one."""
    assert shop.post().get_json()["orderId"] != shop.post().get_json()["orderId"]
    assert len(shop.sender.records) == 2


def test_the_price_is_after_the_discount():
    """In whole cents."""
    from orders import pricing  # noqa: PLC0415 - the only one here without the application

    assert pricing.total_cents(1, 2, None) == 17_800
    assert pricing.total_cents(1, 2, "DEL15") == 15_478
    assert pricing.total_cents(9, 1000, "XMASSAVE30") == 2_230_769
