import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from observatory.forward import Forwarding
from observatory.ingest import Receiver, grpc_server
from observatory.ingest.otlp_json import read_json
from observatory.store.otlp import SIGNALS

grpc = pytest.importorskip("grpc", reason="pip install 'virtual-shop[grpc]'")


@pytest.fixture
def channel(stores):
    with (
        grpc_server.serving(Receiver(stores, Forwarding()), "127.0.0.1", 0, 1_000_000) as port,
        grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.enable_http_proxy", 0)]) as channel,
    ):
        yield channel


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_spans_are_stored_and_bad_ones_reported(channel, stores, otlp_bytes, batch, span, compression):
    export = channel.unary_unary(SIGNALS["traces"].method)
    answer = export(otlp_bytes(batch(span(), span(trace=0))), compression=compression, timeout=10)
    partial = ExportTraceServiceResponse.FromString(answer).partial_success
    assert (stores.traces.counts()["spans"], partial.rejected_spans) == (1, 1)
    assert "refused" in partial.error_message


def test_logs_and_metrics(channel, stores):
    log = b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"hello"}}]}]}]}'
    gauge = b'{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"g","gauge":{"dataPoints":[{"asInt":1}]}}]}]}]}'
    for signal, body in (("logs", log), ("metrics", gauge)):
        channel.unary_unary(SIGNALS[signal].method)(read_json(body, SIGNALS[signal].request)[0].SerializeToString(), timeout=10)
    assert stores.logs.records()[0].time_ns > 0  # of its receipt
    assert stores.metrics.counts()["points"] == 1


def test_an_invalid_body_is_refused(channel):
    with pytest.raises(grpc.RpcError) as error:
        channel.unary_unary(SIGNALS["traces"].method)(b"\x0a\xff\xff", timeout=10)
    assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT
