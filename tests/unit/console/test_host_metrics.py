from types import SimpleNamespace

import psutil

from console.page.samplers import HostMetrics


def test_counters_that_fall_show_no_negative_rate(monkeypatch):
    received = iter([9_000, 1_000, 3_000])

    def counters():
        value = next(received)
        return SimpleNamespace(bytes_recv=value, bytes_sent=value)

    monkeypatch.setattr(psutil, "net_io_counters", counters)
    host = HostMetrics()
    host.sample()
    host.sample()

    assert host.read()["receivedKbS"][0] == 0
    assert host.read()["receivedKbS"][1] > 0


def test_the_first_sample_of_the_processors_is_measured(monkeypatch):
    intervals = []
    monkeypatch.setattr(psutil, "cpu_percent", lambda interval: intervals.append(interval) or 50.0)
    host = HostMetrics()
    host.sample()
    host.sample()

    assert intervals == [0.1, None]
    assert host.read()["cpuPercent"] == [50.0, 50.0]
