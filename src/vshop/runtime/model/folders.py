"""The home folder of a shop, the cache folder of a user, and locks on them."""

import fcntl
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from vshop.kit.times import Clock
from vshop.runtime.model.errors import FetchError, HomeBusyError, NoLocksError, UnusableFolderError

_HOME_TIMEOUT_S = 120.0


class Home:
    """The folder with a shop's state, logs and data."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lock = path / "lock"
        self.state = path / "state.json"
        """The running processes and their ports."""
        self.kafka = path / "kafka"
        self.jaeger = path / "jaeger"
        self.dynamodb = path / "dynamodb"
        """DynamoDB Local's tables."""
        self.stock = path / "dynamodb.json"
        """Moto's tables, without the writes in ``stock_log``."""
        self.stock_log = path / "dynamodb.wal"
        self.journal = path / "journal.ndjson"
        """The journal from which a restarted console restores its switches."""

    def log(self, part: str) -> Path:
        """Return a part's log file."""
        return self.path / "logs" / f"{part}.log"


def home(path: Path | str | None = None) -> Home:
    """Return the given home folder, ``VSHOP_HOME``, or the user's state folder. Raises UnusableFolderError."""
    chosen = path or os.environ.get("VSHOP_HOME")
    folder = _folder(chosen, "VSHOP_HOME", ("XDG_STATE_HOME", ".local/state", "Application Support"))
    with suppress(OSError):
        if folder.exists() and not folder.is_dir():
            raise UnusableFolderError(f"{folder} is not a folder. Set VSHOP_HOME to a folder that you can write to.")
    return Home(folder)


def cache() -> Path:
    """Return ``VSHOP_CACHE``, else the user's cache folder, which all shops share. Raises UnusableFolderError."""
    return _folder(os.environ.get("VSHOP_CACHE"), "VSHOP_CACHE", ("XDG_CACHE_HOME", ".cache", "Caches"))


def _folder(chosen: Path | str | None, variable: str, default: tuple[str, str, str]) -> Path:
    """On Linux, as https://specifications.freedesktop.org/basedir/latest/ says; on macOS, below ``~/Library``."""
    try:
        if chosen:
            return Path(chosen).expanduser().absolute()
        xdg, linux, macos = default
        given = Path(os.environ.get(xdg, ""))
        own = f"Library/{macos}" if sys.platform == "darwin" else linux
        return (given if given.is_absolute() else Path.home() / own) / "vshop"
    except RuntimeError as error:
        raise UnusableFolderError(f"There is no home directory. Set {variable} to a folder that you can write to.") from error


def services() -> Path:
    """Return ``services/`` of a checkout, else ``vshop/_services`` of the installed package."""
    package = Path(__file__).resolve().parents[2]
    checkout = package.parents[1] / "services"
    return checkout if package.parent.name == "src" and checkout.is_dir() else package / "_services"


class LockedError(Exception):
    """Another process holds the lock."""


@contextmanager
def file_lock(path: Path, timeout_s: float, variable: str = "VSHOP_CACHE") -> Iterator[None]:
    """Hold a lock inside the block. The kernel releases it if the process dies; the file stays.

    A ``timeout_s`` of 0 tries once. Raises LockedError, NoLocksError (the file system has none), or UnusableFolderError, which
    names ``variable``.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a")
    except OSError as error:
        raise UnusableFolderError(
            f"The folder {path.parent} cannot be used: {error.strerror}. Set {variable} to a folder that you can write to."
        ) from error
    with file:
        if not Clock().poll(lambda: _try_lock(file), timeout_s):
            raise LockedError(str(path))
        yield


def ensure(target: Path, make: Callable[[Path], None], timeout_s: float, doing: str) -> Path:
    """Make a folder of the cache unless it exists, never in two processes at a time. It exists only when complete.

    ``make`` fills another folder, which is then renamed. Raises FetchError if another process is ``doing`` it for longer than the
    timeout.
    """
    partial = target.with_suffix(".partial")
    if not target.is_dir():
        try:
            with file_lock(target.with_suffix(".lock"), timeout_s):
                if not target.is_dir():
                    shutil.rmtree(partial, ignore_errors=True)
                    make(partial)
                    partial.replace(target)
        except LockedError as error:
            raise FetchError(f"Waited {timeout_s:.0f} s for another shop to {doing} into {target}. Try again.") from error
    return target


def _try_lock(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise NoLocksError(
            f"The file system of {file.name} has no file locks ({error.strerror}). Put the shop's state elsewhere with VSHOP_HOME, "
            "and downloads with VSHOP_CACHE."
        ) from error
    return True


@contextmanager
def home_lock(home: Home) -> Iterator[None]:
    """Hold the lock of a home folder. Raises HomeBusyError or UnusableFolderError."""
    try:
        with file_lock(home.lock, _HOME_TIMEOUT_S, "VSHOP_HOME"):
            yield
    except LockedError as error:
        raise HomeBusyError(
            f"Another process has been starting or stopping a shop in {home.path} for {_HOME_TIMEOUT_S:.0f} s. Wait for it, "
            "end it, or use another folder (VSHOP_HOME)."
        ) from error
    except OSError as error:
        if not Path(str(error.filename)).is_relative_to(home.path):
            raise
        raise UnusableFolderError(
            f"{error.filename} cannot be used: {error.strerror}. Set VSHOP_HOME to a folder that you can write to."
        ) from error
