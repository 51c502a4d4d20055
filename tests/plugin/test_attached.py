import pytest

from vshop.shop.addresses import find
from vshop.shop.client import ShopClient


def test_ten_lines_find_the_culprit(run_attached_here):
    """README shows these lines, and tests/docs runs them as a process."""
    run_attached_here("""
        def test_the_refused_write_is_found(virtual_shop):
            with virtual_shop.incident("stock-put-missing-key") as incident:
                order = virtual_shop.place_order()
                found = incident.verify(order.trace)
            assert order.accepted and found
            assert incident.expected.spans and incident.scope == "request"
            assert found.culprit.name == "DynamoDB.PutItem"
            assert found.culprit.attributes["error.type"] == "ValidationException"
    """).assert_outcomes(passed=1)


def test_an_order_has_its_ids_trace_spans_and_logs(run_attached_here):
    run_attached_here("""
        import pytest

        def test_order(virtual_shop):
            before = virtual_shop.stock(5)
            order = virtual_shop.place_order(5, 2, discount_code="DEL15")
            assert order.status == 202 and order.order_id and order.trace_id in order.trace_url
            assert order.span(kind="CONSUMER").attributes["shop.order.id"] == order.order_id
            assert virtual_shop.trace(order.trace_id).spans == order.spans
            assert virtual_shop.wait_for_trace(order.trace_id, lambda trace: len(trace.spans) > 5).spans
            assert virtual_shop.wait_for_trace(order).spans
            assert virtual_shop.stock(5) == before - 2
            by = {"orders", "stock-updater"}
            logs = virtual_shop.wait_for_logs(order, lambda records: {one["service"] for one in records} == by)
            assert virtual_shop.logs(order.trace_id, service="orders") == [one for one in logs if one["service"] == "orders"]
            with pytest.raises(TimeoutError, match="seen: orders INFO placing new order"):
                virtual_shop.wait_for_logs(order.trace_id, lambda records: len(records) > 99, timeout_s=0.1)
            assert virtual_shop.metrics("shop.orders.placed", "orders")
            assert {alert["rule"] for alert in virtual_shop.alerts()} >= {"orders-rejected"}
            with pytest.raises(LookupError, match="there are: orders SERVER POST /orders"):
                order.span(kind="INTERNAL")
    """).assert_outcomes(passed=1)


def test_switches_left_on_are_off_for_the_next_test(run_attached_here, running_shop):
    result = run_attached_here("""
        def test_leaves_it_on(virtual_shop):
            virtual_shop.incident("auth-token-expired", scope="global").__enter__()
            assert virtual_shop.place_order().status == 401
            raise KeyError("in the middle")

        def test_sees_nothing_of_it(virtual_shop):
            assert virtual_shop.place_order().accepted
    """)

    result.assert_outcomes(passed=1, failed=1)
    assert ShopClient(find(running_shop.state.home, {})).switched_on() == []


def test_switch_of_somebody_else_stays_on(run_attached_here, running_shop):
    client = ShopClient(find(running_shop.state.home, {}))
    client.switch_on("pricing-type-error", duration="60s")
    try:
        run_attached_here("""
            def test_something(virtual_shop):
                with virtual_shop.incident("auth-token-expired", scope="global"):
                    pass
        """).assert_outcomes(passed=1)

        assert client.switched_on() == ["pricing-type-error"]
    finally:
        client.switch_all_off()


def test_failed_verification_shows_the_failed_checks(run_attached_here):
    result = run_attached_here("""
        def test_verify(virtual_shop):
            clean = virtual_shop.place_order()
            with virtual_shop.incident("auth-token-expired") as incident:
                assert incident.verify(clean, timeout_s=1)
    """)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*<auth-token-expired: * of * checks do not hold: *expected orders SERVER POST /orders*"])


def test_unknown_incident_and_forbidden_scope_raise(run_attached_here):
    run_attached_here("""
        import pytest
        from vshop.fixture import NotPossibleError
        from vshop.incidents import UnknownIncidentError

        def test_unknown(virtual_shop):
            with pytest.raises(UnknownIncidentError, match="Did you mean auth-token-expired"):
                virtual_shop.place_order(incident="auth-token-expire")

        def test_everybodys(virtual_shop):
            with pytest.raises(NotPossibleError, match="affects everybody who orders"):
                with virtual_shop.incident("stock-consumer-stalled"):
                    pass
    """).assert_outcomes(passed=2)


@pytest.mark.slow
def test_parallel_workers_do_not_see_each_others_incidents(run_attached):
    """Each order carries its incident, across Kafka too."""
    result = run_attached(
        """
        import pytest

        @pytest.mark.parametrize("incident", ["auth-token-expired", "stock-put-missing-key", "orders-poison-message", None])
        def test_one(virtual_shop, incident):
            order = virtual_shop.place_order(incident=incident)
            red = {span.name for span in order.spans if span.status == "ERROR"}
            assert red == {
                "auth-token-expired": {"GET"},
                "stock-put-missing-key": {"DynamoDB.PutItem", "process queuing.retail_site.new_orders"},
                "orders-poison-message": {"process queuing.retail_site.new_orders"},
                None: set(),
            }[incident]
    """,
        "-n2",
    )

    result.assert_outcomes(passed=4)
