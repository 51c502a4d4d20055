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


def test_the_order_id_is_made_from_shopper_and_key():
    """It outlives the process, so that a retry after a restart is recognised."""
    assert order_id("ada", "k") == order_id("ada", "k") == "3f39223a-ccac-5989-ba29-7cddf5c84e26"
    assert (
        len({order_id("ada", "k"), order_id("ada", "l"), order_id("grace", "k"), order_id("ada", None), order_id("ada", None)}) == 5
    )
