import pytest

from vshop.runtime.local import doctor
from vshop.runtime.local.doctor import Host
from vshop.runtime.model.ports import free


def test_facts_about_this_machine(tmp_path):
    host = Host()

    assert {finding.state for finding in doctor.run_checks(host, running=True)[:2]} == {"ok"}
    assert host.free_bytes(tmp_path / "not" / "there") > 0
    assert host.holder(free(1)[0]) is None
    assert host.output("no-such-program") is None
    assert host.output("echo", "here") == "here"
    with pytest.raises(OSError, match="exit status 1"):
        host.output("false")
