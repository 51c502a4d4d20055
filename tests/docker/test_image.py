"""The services' image: small, and nothing in it that is nobody's business."""

import re
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest

pytestmark = pytest.mark.timeout(420)  # whichever test comes first also waits for what it needs to be built or started

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
    """The image, built."""
    subprocess.run(["docker", "build", "--quiet", "--tag", TAG, str(ROOT)], capture_output=True, timeout=400, check=True)
    return engine.images.get(TAG)


@pytest.fixture(scope="module")
def files(image, engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tarfile.TarFile]:
    """Every file of a container made of it, the base image's included."""
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
    """Yield what this project's Dockerfile put there."""
    for member in files:
        if member.isfile() and member.name.startswith(("opt/shop/", "var/lib/shop", "src/")):
            content = files.extractfile(member)
            assert content is not None
            yield member.name, content


def test_what_it_adds_to_its_base_is_small(image, engine):
    """Less than 110 MB; the JRE, moto and the other services of AWS are left out."""
    added = image.attrs["Size"] - engine.images.get(BASE).attrs["Size"]
    assert added < 110e6, f"{added / 1e6:.0f} MB"


def test_it_is_nobodys_and_needs_no_writing(image):
    """A user without rights; one program that the command chooses."""
    config = image.attrs["Config"]
    assert (config["User"], config["Cmd"]) == ("10001:10001", ["python", "-P", "-m", "orders"])


def test_a_role_can_be_taken_on(image, engine):
    """A cluster's ServiceAccount gets its credentials from STS: botocore must still know that service."""
    program = "import botocore.session as s; print(s.get_session().create_client('sts', 'eu-central-1').meta.endpoint_url)"
    said = engine.containers.run(image.id, ["python", "-P", "-c", program], remove=True)

    assert said.decode().strip() == "https://sts.eu-central-1.amazonaws.com"


def test_its_history_and_environment_tell_no_secret(image):
    """Neither a layer's command nor a variable holds what looks like one."""
    told = [layer["CreatedBy"] for layer in image.history()] + image.attrs["Config"]["Env"]
    assert [line for line in told if _TOLD.search(line)] == []


def test_no_file_of_a_workplace_is_in_it(files: tarfile.TarFile):
    """No repository, no .env, no key file, no tool's credentials, no bytecode-less source tree of tests."""
    names = [name for name, _ in ours(files)]
    assert len(names) > 1000, "there must be something to look at"
    assert [name for name in names if _NAMES.search(name)] == []
    assert [name for name in names if name.startswith("opt/shop/") and "/vshop/" in name and "/tests/" in name] == []
    assert not {name for name in names if name.startswith("src/")}


def test_no_file_holds_a_key_or_token(files: tarfile.TarFile):
    """Private keys and the tokens of well-known services have a form of their own. Libraries bring OpenSSL's own test keys."""
    text = ((name, content) for name, content in ours(files) if not re.search(r"\.so(\.|$)", name))
    assert [name for name, content in text if _CONTENT.search(content.read())] == []


def test_a_service_of_it_that_cannot_start_ends_with_a_sentence(image):
    """And nothing after it: this Python starts no more threads at its end, which a log handler's flush once tried."""
    env = ["--env", "SHOP_TOKEN_KEY=/proc/key.pem", "--env", "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:9"]
    command = ["docker", "run", "--rm", *env, TAG, "python", "-P", "-m", "auth_stub"]

    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    assert ended.returncode == 1
    assert "SHOP_TOKEN_KEY: " in ended.stderr
    assert "Traceback" not in ended.stderr, ended.stderr
