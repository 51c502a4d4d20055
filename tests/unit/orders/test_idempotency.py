"""Answers are remembered by shopper and key, up to a bound."""

import pytest

from orders.idempotency import Answers
from vshop.kit.events import OrderRequest, order_id
from vshop.kit.problems import Problem

ORDER = OrderRequest(item_id=1, username="ada", quantity=2)


def test_the_oldest_answer_makes_room():
    """Memory is bounded."""
    answers = Answers(capacity=2)
    for key in ("a", "b", "c"):
        answers.remember(key, ORDER, {"orderId": key})

    assert [answers.find(key, ORDER) for key in ("a", "b", "c")] == [None, {"orderId": "b"}, {"orderId": "c"}]


def test_another_order_under_the_key_is_a_problem():
    """422, as the draft asks."""
    answers = Answers()
    answers.remember("a", ORDER, {"orderId": "1"})

    with pytest.raises(Problem) as caught:
        answers.find("a", OrderRequest(item_id=1, username="ada", quantity=3))

    assert caught.value.status == 422


def test_the_order_id_is_made_from_order_and_key():
    """It outlives the process, so that a retry after a restart is recognised; another order under the key is another order."""
    other = OrderRequest(item_id=1, username="ada", quantity=3)
    graces = OrderRequest(item_id=1, username="grace", quantity=2)

    assert order_id(ORDER, "k") == order_id(ORDER, "k")
    ids = {
        order_id(ORDER, "k"),
        order_id(ORDER, "l"),
        order_id(other, "k"),
        order_id(graces, "k"),
        order_id(ORDER, None),
        order_id(ORDER, None),
    }
    assert len(ids) == 6
