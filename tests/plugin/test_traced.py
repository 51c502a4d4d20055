import pytest

TRACED = """
    import pytest
    from opentelemetry import propagate, trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.requests import RequestsInstrumentor
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from vshop.shop.traces import TraceError

    HOPS = ["orders SERVER", "orders CLIENT", "auth-stub SERVER", "orders PRODUCER", "stock-updater CONSUMER"]

    @pytest.fixture(scope="module")
    def tracer(virtual_shop_process):
        provider = TracerProvider()
        endpoint = virtual_shop_process.shop.addresses["otlp"] + "/v1/traces"
        provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint)))
        RequestsInstrumentor().instrument(tracer_provider=provider)
        yield provider.get_tracer("tests")
        RequestsInstrumentor().uninstrument()
        provider.shutdown()

    def hops(spans):
        return [f"{span.service} {span.kind}" for span in spans if f"{span.service} {span.kind}" in HOPS]
"""


def test_orders_in_one_span_of_the_test_are_told_apart(run_attached):
    """Also while that span is not exported yet, and though its trace holds the fixture's own requests."""
    result = run_attached(
        TRACED
        + """
    def test_one(virtual_shop, tracer):
        with tracer.start_as_current_span("a test"):
            order = virtual_shop.place_order()
            assert order.trace_id == format(trace.get_current_span().get_span_context().trace_id, "032x")
            assert hops(order.spans) == HOPS

    def test_two(virtual_shop, tracer):
        with tracer.start_as_current_span("a test"):
            with virtual_shop.incident("stock-put-missing-key", scope="request") as incident:
                broken = virtual_shop.place_order(2)
            clean = virtual_shop.place_order(3)
            found = incident.verify(broken)
            assert found and found.culprit.name == "DynamoDB.PutItem"
            assert not incident.verify(clean, timeout_s=0.1)
            assert hops(clean.spans) == HOPS and not [span for span in clean.spans if span.status == "ERROR"]
        assert broken.trace_id == clean.trace_id
        assert {span.span_id for span in broken.spans}.isdisjoint(span.span_id for span in clean.spans)
        assert virtual_shop.wait_for_trace(clean).spans == clean.spans
        assert len(virtual_shop.wait_for_trace(clean.trace_id).spans) > len(broken.spans) + len(clean.spans)
    """,
        "--durations=3",
    )

    result.assert_outcomes(passed=2)


def test_unsampled_order_is_reported_at_once(run_attached):
    result = run_attached("""
    import time, pytest
    from vshop.shop.traces import TraceError

    def test_unsampled(virtual_shop):
        order = virtual_shop.place_order(headers={"traceparent": f"00-{'ab' * 16}-{'cd' * 8}-00"})
        assert order.accepted
        began = time.monotonic()
        with virtual_shop.incident("auth-token-expired", scope="request") as incident:
            for read in (lambda: order.trace, lambda: virtual_shop.wait_for_trace(order), lambda: incident.verify(order)):
                with pytest.raises(TraceError, match="traceparent of its request has the sampled flag off .* ends in -01"):
                    read()
        assert time.monotonic() - began < 2
    """)

    result.assert_outcomes(passed=1)


@pytest.mark.parametrize("before", ["", "freeze_time('2012-01-14').start()"], ids=["later", "before the import"])
def test_frozen_clock_does_not_stop_the_fixture(run_attached, before):
    """Freezegun replaces the functions of ``time`` in every module, also in those that are imported while it is active."""
    result = run_attached(
        f"""
    import pytest
    from freezegun import freeze_time
    {before}

    @pytest.mark.timeout(60)
    @pytest.mark.parametrize("moment", ["2012-01-14", "2099-01-01"])
    def test_frozen(virtual_shop, moment):
        from vshop.shop.traces import TraceError

        with freeze_time(moment), virtual_shop.incident("stock-put-missing-key", scope="request") as incident:
            order = virtual_shop.place_order()
            assert incident.verify(order)
            assert order.trace.spans
            assert virtual_shop.flush()
        with freeze_time(moment):
            clean = virtual_shop.place_order()
            assert virtual_shop.wait_for_trace(clean).spans and virtual_shop.wait_for_logs(clean)
            assert not incident.verify(clean, timeout_s=0.2)
            with pytest.raises(TraceError):
                virtual_shop.wait_for_trace(clean, lambda trace: False, timeout_s=0.2)
            assert virtual_shop.alerts()
    """
    )

    result.assert_outcomes(passed=2)
