"""The cache that lets Kafka start in half the time: where it lies, and when it is made.

The JVM writes such a cache when a run ends (https://openjdk.org/jeps/514); it fits only the same JVM, flags and jars, at the same
paths. So it is made on the user's machine, once, in the background (``aot_maker``).
"""

import hashlib
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from vshop.runtime import folders, kafka
from vshop.runtime.environment import RUN
from vshop.runtime.jars import KAFKA


def cache_file() -> Path:
    """Say where the cache for these jars, this JVM and these flags lies, made or not."""
    modules = kafka.java().parents[1] / "lib" / "modules"
    seen = modules.stat()
    key = f"{KAFKA.folder()}|{modules}|{seen.st_size}|{seen.st_mtime_ns}|{kafka.JVM_FLAGS}"
    return folders.cache() / f"kafka-{hashlib.sha256(key.encode()).hexdigest()[:16]}.aot"


def flags() -> list[str]:
    """Say which JVM flags use the cache; none while there is no cache."""
    file = cache_file()
    # JDK 25 warns of single adapters that it cannot use; a cache that does not fit at all is an error, and stays visible.
    return [f"-XX:AOTCache={file}", "-Xlog:aot*=error"] if file.exists() else []


def make_in_background(env: Mapping[str, str]) -> bool:
    """Start making the cache, unless it is there, could not be made before, or is not wanted (``VSHOP_AOT=0``).

    Args:
        env: the environment of the shop's processes.

    Returns:
        Whether it was started.
    """
    file = cache_file()
    if env.get("VSHOP_AOT") == "0" or file.exists() or file.with_suffix(".failed").exists():
        return False
    # Started through a shell-like middleman, so that it is nobody's child: the launcher need not wait for it.
    program = "import subprocess, sys; subprocess.Popen([sys.executable, *sys.argv[1:]], start_new_session=True)"
    middleman = [sys.executable, "-P", "-c", program, "-P", "-m", "vshop.runtime.aot_maker"]
    null = subprocess.DEVNULL
    unmarked = {key: value for key, value in env.items() if key != RUN}
    subprocess.run(middleman, env=unmarked, stdin=null, stdout=null, stderr=null, check=False)
    return True
