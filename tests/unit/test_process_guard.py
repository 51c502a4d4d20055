import os
import subprocess
import sys
import threading

import pytest


def start_with_subprocess():
    subprocess.run([sys.executable, "-c", ""], check=False)


def start_with_shell():
    os.system("true")  # noqa: S605 - the guard must catch os.system too


def start_with_fork():
    if os.fork() == 0:
        os._exit(0)


@pytest.mark.parametrize("start", [start_with_subprocess, start_with_shell, start_with_fork])
def test_a_unit_test_that_starts_a_process_fails(process_guard, start):
    with pytest.raises(pytest.fail.Exception, match="Move it to tests/processes"):
        start()

    assert len(process_guard.started) == 1
    process_guard.started.clear()


def test_an_attempt_in_a_thread_is_remembered(process_guard):
    """The failure ends only the thread, so that the fixture has to fail the test."""
    failures = []

    def attempt():
        try:
            start_with_subprocess()
        except pytest.fail.Exception as failure:
            failures.append(failure)

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()

    assert len(failures) == len(process_guard.started) == 1
    process_guard.started.clear()
