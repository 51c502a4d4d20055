import json
from types import SimpleNamespace

import pytest

from vshop.cli import lifecycle, output
from vshop.runtime.model.errors import NotRunningError
from vshop.runtime.model.progress import Ended, Started

URLS = {"orders": "http://127.0.0.1:1", "traces": "http://127.0.0.1:2"}


class FakeMode:
    name, first_order_s = "compose", 3.0

    def up(self, _progress):
        return Started(URLS, {"context": "here"}, {"cluster": "context here"}, ("memory [all]:\n  orders  5 MB",))

    def down(self, _progress):
        return Ended(found=False, text="No shop is running.")

    def status(self):
        part = {"url": URLS["orders"], "reached": True, "ready": True, "seen": "ready"}
        return {"ready": False, "parts": {"orders": part, "traces": part | {"reached": False, "ready": False, "seen": "refused"}}}

    def addresses(self):
        return URLS


@pytest.fixture
def first_orders(monkeypatch):
    seen = []

    def follow(client, _reader, timeout_s):
        seen.append((client.addresses.orders, timeout_s))
        placed = SimpleNamespace(trace_id="abc", trace_url="http://127.0.0.1:2/trace/abc")
        return SimpleNamespace(placed=placed, seconds=0.5, telemetry="sdk")

    monkeypatch.setattr(lifecycle, "follow", follow)
    return seen


def test_up_prints_addresses_rows_and_notes(first_orders, capsys):
    lifecycle._start(FakeMode(), as_json=False)

    printed = capsys.readouterr().out
    assert first_orders == [("http://127.0.0.1:1", 3.0)]
    for shown in (*URLS.values(), "/trace/abc", "context here", "memory [all]:\n  orders  5 MB", "vshop down --mode compose"):
        assert shown in printed


def test_up_as_json_holds_the_details_of_the_mode(first_orders, capsys):
    lifecycle._start(FakeMode(), as_json=True)

    printed = json.loads(capsys.readouterr().out)
    assert len(first_orders) == 1
    assert printed.pop("seconds") >= 0
    assert printed == {"addresses": URLS, "traceId": "abc", "context": "here"}


def test_down_without_a_shop_prints_nothing_on_stdout(monkeypatch, capsys):
    monkeypatch.setattr(lifecycle, "_existing", lambda *_, **__: FakeMode())

    lifecycle.down(mode="k8s")

    assert capsys.readouterr() == ("", "No shop is running.\n")


def test_status_of_a_mode_that_is_not_ready_exits_with_1(monkeypatch, capsys):
    monkeypatch.setattr(lifecycle, "_existing", lambda *_: FakeMode())

    with pytest.raises(SystemExit, match="1"):
        lifecycle.status(mode="compose")

    printed = capsys.readouterr().out
    assert "unreachable" in printed
    assert "refused" in printed


@pytest.mark.parametrize(("ready", "status"), [([False, True], 0), ([True, False], 1), ([None, True], 0), ([None], 1)])
def test_watching_goes_on_after_a_failure_and_ends_with_the_last_status(monkeypatch, capsys, ready, status):
    """None: the state cannot be read."""
    left = list(ready)

    class Changing(FakeMode):
        def status(self):
            if (now := left.pop(0)) is None:
                raise NotRunningError("No shop runs here.")
            return super().status() | {"ready": now}

    def sleep(_seconds):
        if not left:
            raise KeyboardInterrupt

    monkeypatch.setattr(lifecycle, "_existing", lambda *_: Changing())
    monkeypatch.setattr(output.time, "sleep", sleep)

    ended = 0
    try:
        lifecycle.status(mode="compose", watch=True)
    except SystemExit as end:
        ended = end.code

    assert ended == status
    printed = capsys.readouterr()
    assert printed.out.count("unreachable") == ready.count(True) + ready.count(False)
    assert printed.err.count("No shop runs here.") == ready.count(None)
