"""Break the shop, and find the span to blame."""

import pytest


def test_an_expired_token_is_found(virtual_shop):
    """The first 401 is between orders and auth; orders passes it on."""
    with virtual_shop.incident("auth-token-expired") as incident:
        order = virtual_shop.place_order()
        assert order.status == 401

        found = incident.verify(order.trace)

        assert found
        assert (found.culprit.service, found.culprit.kind) == ("orders", "CLIENT")
        assert "Expired token" in found.culprit.attributes["shop.http.response.body"]
        assert incident.definition.root_cause.service == "auth-stub"
    assert virtual_shop.place_order().accepted


@pytest.mark.parametrize("item", [1, 2])
def test_only_my_own_order_is_broken(virtual_shop, item):
    """An incident can be on for a single order, so parallel tests do not disturb each other."""
    broken = virtual_shop.place_order(item, incident="auth-token-expired")
    healthy = virtual_shop.place_order(item)

    assert (broken.status, healthy.status) == (401, 202)


def test_its_twin_is_no_fault(virtual_shop):
    """A shopper without a token gets a 401 too, and nothing is wrong."""
    with virtual_shop.incident("auth-token-missing") as twin:
        (order,) = twin.trigger()

        assert order.status == 401
        assert twin.verify(order)
        assert not twin.definition.fault
