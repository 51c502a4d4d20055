import pytest
import requests

from tests.foreign.conftest import FOLDER, endpoint

pytestmark = pytest.mark.timeout(1200)

PROTOCOLS = ["grpc", "http"]


@pytest.fixture
def telemetrygen(install, shared_shop, tmp_path):
    program = tmp_path / "telemetrygen"
    install(
        "go",
        "build",
        "-o",
        str(program),
        "github.com/open-telemetry/opentelemetry-collector-contrib/cmd/telemetrygen",
        cwd=FOLDER / "go",
        needs="go",
    )

    def send(signal, protocol, *options):
        service = f"telemetrygen-{signal}-{protocol}"
        address = endpoint(shared_shop, protocol).removeprefix("http://")
        options = [*options, *(["--otlp-http"] if protocol == "http" else [])]
        install(
            *(str(program), signal, "--otlp-insecure", "--otlp-endpoint", address, "--service", service, "--rate", "0", *options),
            cwd=tmp_path,
            needs="go",
        )
        return requests.get(f"{shared_shop.addresses['observatory']}/api/telemetry", timeout=10).json()["services"][service]

    return send


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_traces(telemetrygen, protocol, reader):
    held = telemetrygen("traces", protocol, "--traces", "3", "--child-spans", "4", "--span-links", "2", "--status-code", "Error")
    assert held["spans"] == 15
    for trace in reader.find_traces(f"telemetrygen-traces-{protocol}"):
        assert [depth for depth, _ in trace.walk()] == [0, 1, 1, 1, 1]
        assert (trace.notes, {span.status for span in trace.spans}) == ([], {"ERROR"})


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_logs(telemetrygen, protocol):
    assert telemetrygen("logs", protocol, "--logs", "5")["logRecords"] == 5


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("kind", ["Gauge", "Sum", "Histogram", "ExponentialHistogram"])
def test_metrics(telemetrygen, protocol, kind):
    before = 5 * ["Gauge", "Sum", "Histogram", "ExponentialHistogram"].index(kind)
    held = telemetrygen("metrics", protocol, "--metrics", "5", "--metric-type", kind, "--otlp-metric-name", f"gen.{kind}")
    assert held["metricPoints"] >= before + 5
