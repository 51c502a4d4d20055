"""What a machine is like, as far as a shop needs to know: the one place where it is asked."""

import platform
import shutil
import subprocess
import sys
import webbrowser
from pathlib import Path

from vshop.runtime import aot, folders, kafka, ports
from vshop.runtime.jars import KAFKA

_TIMEOUT_S = 10.0


class Machine:
    """This machine."""

    def python(self) -> tuple[int, int, int]:
        """Tell Python's version."""
        return sys.version_info[:3]

    def system(self) -> tuple[str, str]:
        """Tell the operating system and the processor's architecture, as ``platform`` names them."""
        return platform.system(), platform.machine()

    def available_bytes(self) -> int:
        """Tell how much memory is to be had without swapping."""
        import psutil  # noqa: PLC0415 - no other command needs it to look

        return int(psutil.virtual_memory().available)

    def free_bytes(self, path: Path) -> int:
        """Tell how much room there is on the disk of a folder, which need not exist yet."""
        there = next(folder for folder in (path, *path.parents) if folder.exists())
        return shutil.disk_usage(there).free

    def holder(self, port: int) -> str | None:
        """Describe the process that listens on a port; None when it is free."""
        return ports.holder(port) if ports.in_use(port) else None

    def java(self) -> Path | None:
        """Find the Java runtime that comes with the packages."""
        try:
            found = kafka.java()
        except (ImportError, AttributeError):
            return None
        return found if found.exists() else None

    def kafka_is_here(self) -> bool:
        """Tell whether Kafka's files have been fetched."""
        return KAFKA.here()

    def start_cache_is_here(self) -> bool:
        """Tell whether the cache that halves Kafka's start has been made."""
        try:
            return aot.cache_file().exists()
        except OSError:
            return False

    def cache(self) -> Path:
        """Name the folder of what is fetched once."""
        return folders.cache()

    def answer(self, *command: str) -> str | None:
        """Run a program and return what it says; None when there is none of its name.

        Raises:
            OSError: it failed, or did not answer; the text is what it said last.
        """
        try:
            ran = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
        except FileNotFoundError:
            return None
        except subprocess.TimeoutExpired as error:
            raise OSError(f"no answer within {_TIMEOUT_S:g} s") from error
        if ran.returncode:
            said = (ran.stderr or ran.stdout).strip().splitlines()
            raise OSError(said[-1] if said else f"exit status {ran.returncode}")
        return ran.stdout.strip()

    def browser(self) -> str | None:
        """Name the browser that would open a page; None when there is none."""
        try:
            found = webbrowser.get()
        except webbrowser.Error:
            return None
        return str(getattr(found, "name", "") or type(found).__name__)
