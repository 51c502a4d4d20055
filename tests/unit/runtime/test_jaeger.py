import pytest

from vshop.runtime.backends import jaeger
from vshop.runtime.local import environment
from vshop.runtime.model.options import Options
from vshop.runtime.model.parts import NAMES, select
from vshop.runtime.model.progress import silent


def test_beside_a_jaeger_the_observatory_has_one_port() -> None:
    options = Options(jaeger="/opt/jaeger", parts=(*NAMES, "jaeger"))
    numbers = {name: number for part in select(options.parts) for name, number in part.ports.items()}
    env = environment.build(options, numbers, "run", {})
    assert (numbers["jaeger"], numbers["otlp"], numbers["query"]) == (16686, 4318, 16687)
    assert (env["SHOP_OTLP_PORT"], env["SHOP_QUERY_PORT"]) == ("16687", "16687")
    assert env["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://127.0.0.1:4318"
    assert env["SHOP_TRACE_URL"] == "http://127.0.0.1:16686/trace/{traceId}"


@pytest.mark.parametrize(
    ("environ", "forward"), [({}, "http://traces.local:4318"), ({"SHOP_FORWARD": "http://other:4319"}, "http://other:4319")]
)
def test_observatory_forwards_to_a_running_jaeger(environ: dict[str, str], forward: str) -> None:
    options = jaeger.resolve(Options(jaeger="http://traces.local:16686/"), silent)
    numbers = {name: number for part in select(options.parts) for name, number in part.ports.items()}
    env = environment.build(options, numbers, "run", environ)
    assert (env["SHOP_FORWARD"], env["SHOP_TRACE_URL"]) == (forward, "http://traces.local:16686/trace/{traceId}")
    assert env["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://127.0.0.1:4318"
