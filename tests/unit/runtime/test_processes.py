import os

import psutil
import pytest

from vshop.runtime.model import processes


@pytest.mark.parametrize("step", [5, -3600])
def test_a_process_is_found_after_the_clock_was_set(monkeypatch, step):
    """Linux derives the times of the boot and of a process's creation from the clock."""
    if not psutil.LINUX:
        pytest.skip("only Linux derives them")
    identity = processes.identify(os.getpid())
    boot, created = psutil.boot_time(), psutil.Process().create_time()
    monkeypatch.setattr(psutil, "boot_time", lambda: boot + step)
    monkeypatch.setattr(psutil.Process, "create_time", lambda _: created + step)

    assert processes.find(identity) is not None


def test_another_process_with_the_same_pid_is_not_found():
    identity = processes.identify(os.getpid())

    assert processes.find(identity) is not None
    assert processes.find(identity._replace(created=identity.created - 60)) is None
