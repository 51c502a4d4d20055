import re
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest

pytestmark = pytest.mark.timeout(420)

ROOT = Path(__file__).parents[2]
TAG = "virtual-shop:test"
BASE = "python:3.12-slim"

_NAMES = re.compile(
    r"(^|/)(\.git|\.env(\..*)?|\.netrc|\.pypirc|\.npmrc|\.aws|\.ssh|\.docker|id_(rsa|dsa|ecdsa|ed25519)|.*\.(key|p12|pfx|jks))(/|$)"
)
_CONTENT = re.compile(
    rb"-----BEGIN (RSA |EC |DSA |OPENSSH |ENCRYPTED )?PRIVATE KEY-----\s+[A-Za-z0-9+/]{40}"
    rb"|AKIA[0-9A-Z]{16}|ghp_[A-Za-z0-9]{36}|xox[bp]-[0-9]{10}|pypi-AgEI[A-Za-z0-9_-]{20}"
)
_TOLD = re.compile(r"(password|passwd|secret|token|api_?key|credential)\w*\s*=|https?://[^/\s]*@|--build-arg", re.IGNORECASE)


@pytest.fixture(scope="module")
def image(engine) -> Any:
    subprocess.run(["docker", "build", "--quiet", "--tag", TAG, str(ROOT)], capture_output=True, timeout=400, check=True)
    return engine.images.get(TAG)


@pytest.fixture(scope="module")
def files(image, engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tarfile.TarFile]:
    container = engine.containers.create(image.id)
    path = tmp_path_factory.mktemp("image") / "files.tar"
    try:
        with path.open("wb") as file:
            file.writelines(container.export(chunk_size=2**20))
    finally:
        container.remove()
    with tarfile.open(path) as archive:
        yield archive
    path.unlink()


def ours(files: tarfile.TarFile) -> Iterator[tuple[str, IO[bytes]]]:
    for member in files:
        if member.isfile() and member.name.startswith(("opt/shop/", "var/lib/shop", "src/")):
            content = files.extractfile(member)
            assert content is not None
            yield member.name, content


def test_what_it_adds_to_its_base_is_small(image, engine):
    added = image.attrs["Size"] - engine.images.get(BASE).attrs["Size"]
    assert added < 110e6, f"{added / 1e6:.0f} MB"


def test_image_needs_no_root_and_no_write_access(image):
    config = image.attrs["Config"]
    assert (config["User"], config["Cmd"]) == ("10001:10001", ["python", "-P", "-m", "orders"])


def test_image_can_assume_a_role(image, engine):
    """A cluster's ServiceAccount gets its credentials from STS, so botocore must still know that service."""
    program = "import botocore.session as s; print(s.get_session().create_client('sts', 'eu-central-1').meta.endpoint_url)"
    said = engine.containers.run(image.id, ["python", "-P", "-c", program], remove=True)

    assert said.decode().strip() == "https://sts.eu-central-1.amazonaws.com"


def test_history_and_environment_hold_no_secret(image):
    told = [layer["CreatedBy"] for layer in image.history()] + image.attrs["Config"]["Env"]
    assert [line for line in told if _TOLD.search(line)] == []


def test_image_holds_no_development_files(files: tarfile.TarFile):
    names = [name for name, _ in ours(files)]
    assert len(names) > 1000, "there must be something to look at"
    assert [name for name in names if _NAMES.search(name)] == []
    assert [name for name in names if name.startswith("opt/shop/") and "/vshop/" in name and "/tests/" in name] == []
    assert not {name for name in names if name.startswith("src/")}


def test_no_file_holds_a_key_or_token(files: tarfile.TarFile):
    """Libraries bring OpenSSL's own test keys, which do not count."""
    text = ((name, content) for name, content in ours(files) if not re.search(r"\.so(\.|$)", name))
    assert [name for name, content in text if _CONTENT.search(content.read())] == []


@pytest.mark.parametrize(
    "variable", ["SHOP_TOKEN_KEY=/proc/key.pem", "OTEL_PROPAGATORS=tracecontxt", "OTEL_PYTHON_CONTEXT=missing"]
)
def test_service_that_cannot_start_ends_with_a_message(image, variable):
    """Nothing follows the message: Python starts no threads at exit, which the flush of a log handler once tried."""
    env = ["--env", variable, "--env", "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:9"]
    command = ["docker", "run", "--rm", *env, TAG, "python", "-P", "-m", "auth_stub"]

    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    assert ended.returncode == 1
    assert variable.partition("=")[0] in ended.stderr
    assert "Traceback" not in ended.stderr, ended.stderr
