import errno
import fcntl
import os
import sys
from pathlib import Path

import pytest

from vshop.runtime.local import aot
from vshop.runtime.model import folders
from vshop.runtime.model.errors import NoLocksError, UnusableFolderError


@pytest.mark.parametrize(
    ("system", "xdg", "state", "cache"),
    [
        ("linux", "", "/me/.local/state/vshop", "/me/.cache/vshop"),
        ("linux", "/xdg", "/xdg/vshop", "/xdg/vshop"),
        ("linux", "relative", "/me/.local/state/vshop", "/me/.cache/vshop"),
        ("darwin", "", "/me/Library/Application Support/vshop", "/me/Library/Caches/vshop"),
    ],
)
def test_default_folders_follow_the_system(monkeypatch, system, xdg, state, cache):
    for name in ("VSHOP_HOME", "VSHOP_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/me")
    monkeypatch.setenv("XDG_STATE_HOME", xdg)
    monkeypatch.setenv("XDG_CACHE_HOME", xdg)
    monkeypatch.setattr(sys, "platform", system)

    assert (folders.home().path, folders.cache()) == (Path(state), Path(cache))


def test_held_lock_is_refused(tmp_path):
    lock = tmp_path / "lock"

    with folders.file_lock(lock, 0), pytest.raises(folders.LockedError), folders.file_lock(lock, 0.01):
        pass
    with folders.file_lock(lock, 0):
        pass


def test_a_file_system_without_locks_is_named_at_once(tmp_path, monkeypatch):
    def no_locks(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)

    with pytest.raises(NoLocksError, match="VSHOP_HOME"), folders.home_lock(folders.home(tmp_path)):
        pass


@pytest.mark.parametrize("chosen", ["file", "file/below"])
def test_a_file_as_home_is_refused(monkeypatch, tmp_path, chosen):
    (tmp_path / "file").touch()
    monkeypatch.setenv("VSHOP_HOME", str(tmp_path / chosen))

    with pytest.raises(UnusableFolderError, match=r"/file.* Set VSHOP_HOME to a folder"), folders.home_lock(folders.home()):
        pass


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc, in which nobody can write")
def test_a_home_directory_that_cannot_be_written_is_refused(monkeypatch):
    for name in ("VSHOP_HOME", "VSHOP_CACHE", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/proc/nobody")

    with pytest.raises(UnusableFolderError, match=r"^The folder /proc/nobody/\S+ cannot be used.* Set VSHOP_HOME"):
        folders.home_lock(folders.home()).__enter__()
    with pytest.raises(UnusableFolderError, match=r"Set VSHOP_CACHE"):
        folders.file_lock(folders.cache() / "kafka.lock", 0).__enter__()


def test_a_cache_that_nobody_can_write_is_used(monkeypatch, tmp_path):
    def read_only(path):
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(aot, "cache_file", lambda: tmp_path / "kafka.aot")
    assert aot.flags() == ()
    (tmp_path / "kafka.aot").touch()
    monkeypatch.setattr(os, "utime", read_only)

    assert aot.flags()[0] == f"-XX:AOTCache={tmp_path}/kafka.aot"


def test_a_user_without_home_directory_is_told_the_variable(monkeypatch):
    def nobody(*_):
        raise RuntimeError("Could not determine home directory.")

    for name in ("VSHOP_HOME", "VSHOP_CACHE", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", nobody)

    with pytest.raises(UnusableFolderError, match=r"There is no home directory. Set VSHOP_HOME"):
        folders.home()
    with pytest.raises(UnusableFolderError, match=r"There is no home directory. Set VSHOP_CACHE"):
        folders.cache()
