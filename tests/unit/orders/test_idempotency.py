import pytest

from orders.idempotency import IdempotencyStore
from vshop.kit.http.problems import Problem
from vshop.kit.order import OrderRequest, make_order_id

ORDER = OrderRequest(item_id=1, username="ada", quantity=2)


def test_the_oldest_response_is_evicted():
    store = IdempotencyStore(capacity=2)
    for key in ("a", "b", "c"):
        store.save(key, ORDER, {"orderId": key})

    assert [store.find(key, ORDER) for key in ("a", "b", "c")] == [None, {"orderId": "b"}, {"orderId": "c"}]


def test_another_order_with_the_same_key_returns_422():
    store = IdempotencyStore()
    store.save("a", ORDER, {"orderId": "1"})

    with pytest.raises(Problem) as caught:
        store.find("a", OrderRequest(item_id=1, username="ada", quantity=3))

    assert caught.value.status == 422


def test_the_order_id_derives_from_order_and_key():
    other = OrderRequest(item_id=1, username="ada", quantity=3)
    graces = OrderRequest(item_id=1, username="grace", quantity=2)

    assert make_order_id(ORDER, "k") == make_order_id(ORDER, "k")
    ids = {
        make_order_id(ORDER, "k"),
        make_order_id(ORDER, "l"),
        make_order_id(other, "k"),
        make_order_id(graces, "k"),
        make_order_id(ORDER, None),
        make_order_id(ORDER, None),
    }
    assert len(ids) == 6
