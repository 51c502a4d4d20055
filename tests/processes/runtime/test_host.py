import pytest

from vshop.runtime.local import doctor


def test_facts_about_this_machine(tmp_path, monkeypatch):
    monkeypatch.setenv("VSHOP_CACHE", str(tmp_path / "not" / "there"))

    findings = {finding.name: finding for finding in doctor.run_checks(running=True)}

    assert findings["Python"].state == findings["system"].state == "ok"
    assert findings["disk"].seen.endswith("GB free")
    assert doctor.check_ports().name == "ports"
    assert doctor._output("no-such-program") is None
    assert doctor._output("echo", "here") == "here"
    with pytest.raises(OSError, match="exit status 1"):
        doctor._output("false")
