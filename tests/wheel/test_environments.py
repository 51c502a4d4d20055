import json
import sys
from pathlib import Path

import pytest

from tests.wheel.conftest import Installed, uv

pytestmark = pytest.mark.timeout(600)

VENDORS = ["splunk-opentelemetry", "aws-opentelemetry-distro"]
"""Vendors' distros; each requires its own release."""
INSTRUMENTATIONS = ["botocore", "flask", "logging", "requests", "confluent-kafka"]
INCIDENTS = ["auth-token-expired", "stock-put-missing-key", "pricing-division-by-zero"]
OLDEST = ["opentelemetry-distro==0.61b0", *(f"opentelemetry-instrumentation-{name}==0.61b0" for name in INSTRUMENTATIONS)]


def install(wheel: Path, proxies: dict[str, str], folder: Path, *more: str) -> Installed:
    python = folder / "venv" / "bin" / "python"
    uv(proxies, "venv", "--quiet", "--seed", "--python", sys.executable, str(folder / "venv"))
    uv(proxies, "pip", "install", "--quiet", "--python", str(python), str(wheel), *more)
    return Installed(python, folder)


def check_shop(installed: Installed) -> None:
    vshop = str(installed.python.with_name("vshop"))
    up = installed.run(vshop, "up", "--free-ports")
    try:
        assert up.returncode == 0, up.stderr[-3000:]
        ran = installed.run(vshop, "verify", "--json", *INCIDENTS)
        failed = {one["incident"]: [check for check in one["checks"] if not check["ok"]] for one in json.loads(ran.stdout)}
        assert failed == {incident: [] for incident in INCIDENTS}
    finally:
        installed.run(vshop, "down")


@pytest.mark.parametrize("distro", VENDORS)
def test_it_can_be_installed_beside_a_vendors_distro(wheel, proxies, tmp_path, distro):
    requirements = tmp_path / "requirements.in"
    requirements.write_text(f"{distro}\nopentelemetry-instrumentation-flask\nvirtual-shop @ {wheel.as_uri()}\n")

    uv(proxies, "pip", "compile", "--quiet", "--prerelease", "allow", str(requirements), "-o", str(tmp_path / "out.txt"))

    assert distro in (tmp_path / "out.txt").read_text()


def test_its_services_run_beside_the_newest_sdk(wheel, proxies, tmp_path):
    installed = install(wheel, proxies, tmp_path, "opentelemetry-sdk")

    check_shop(installed)


@pytest.mark.parametrize("more", [OLDEST, []], ids=["oldest", "newest"])
def test_its_services_run_with_the_releases_of_the_range(wheel, proxies, tmp_path, more):
    installed = install(wheel, proxies, tmp_path, f"virtual-shop[zero-code] @ {wheel.as_uri()}", *more)
    fits = "from vshop.runtime.local.services_packages import problem; print(problem(zero_code=True))"

    assert installed.run(str(installed.python), "-c", fits).stdout.strip() == ""
    check_shop(installed)
