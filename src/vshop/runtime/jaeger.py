"""A real Jaeger beside the observatory: finds the one that is wanted, and says how it is run.

A Jaeger that the shop starts takes what the services send, keeps the traces and hands everything on to the observatory
(``jaeger.yaml``). To one that runs already the observatory hands on.
"""

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from vshop.runtime.errors import JaegerError
from vshop.runtime.options import Options
from vshop.runtime.progress import Event, Progress

_OTLP_PORT = 4318  # https://www.jaegertracing.io/docs/latest/deployment/#ports


def settle(options: Options, progress: Progress) -> Options:
    """Find out which Jaeger is meant by what was asked for.

    Args:
        options: ``jaeger`` as it was asked for.
        progress: told which Jaeger was found by itself.

    Returns:
        The options with ``jaeger`` as ``none``, as the path of a program, or as the address of one that runs; in the second case
        it is one of the parts.

    Raises:
        JaegerError: what was asked for cannot be used.
    """
    wanted = options.jaeger
    if wanted.startswith(("http://", "https://")):
        return options
    found = shutil.which("jaeger") if wanted == "auto" else None if wanted == "none" else wanted
    if found is None or "observatory" not in options.parts:
        return msgspec.structs.replace(options, jaeger="none")
    problem = _problem(found)
    if problem and wanted != "auto":
        raise JaegerError(
            f"{found} was to be started as Jaeger, but {problem}. Give the path of a Jaeger 2 program, or an address."
        )
    if problem:
        progress(Event("jaeger", "note", f"{found} is left alone: {problem}"))
        return msgspec.structs.replace(options, jaeger="none")
    if wanted == "auto":
        progress(Event("jaeger", "note", f"found {found}: it keeps the traces (`--jaeger none` does without)"))
    return msgspec.structs.replace(options, jaeger=str(Path(found).absolute()), parts=(*options.parts, "jaeger"))


def _problem(program: str) -> str:
    try:
        ran = subprocess.run([program, "version"], capture_output=True, text=True, timeout=10, check=False)
        version = str(json.loads(ran.stdout)["gitVersion"])
    except OSError as error:
        return f"it cannot be run: {error.strerror}"
    except subprocess.TimeoutExpired:
        return "`version` did not end within 10 s"
    except (ValueError, KeyError, TypeError):
        return "it does not answer `version` as Jaeger does"
    return "" if version.removeprefix("v").startswith("2.") else f"it is version {version}, not 2"


def elsewhere(options: Options, environ: Mapping[str, str]) -> dict[str, str]:
    """Make the variables by which a Jaeger that runs already gets the spans, and people its page.

    Args:
        options: settled ones.
        environ: where ``SHOP_FORWARD`` may say that its OTLP port is another than the usual one on the host of its page.

    Returns:
        None where there is no such Jaeger.
    """
    if not options.jaeger.startswith("http"):
        return {}
    page = urlsplit(options.jaeger)
    otlp = f"{page.scheme}://{page.hostname}:{_OTLP_PORT}"
    return {
        "SHOP_FORWARD": environ.get("SHOP_FORWARD") or otlp,
        "SHOP_TRACE_URL": f"{options.jaeger.rstrip('/')}/trace/{{traceId}}",
    }


def command(program: str) -> list[str]:
    """Say how Jaeger is run.

    Args:
        program: its path.
    """
    return [program, "--config", str(Path(__file__).with_name("jaeger.yaml"))]


def environment(folder: Path, ports: dict[str, int]) -> dict[str, str]:
    """Make the variables that ``jaeger.yaml`` reads.

    Args:
        folder: for its traces.
        ports: numbers by the names of the ports.
    """
    return {
        "JAEGER_LISTEN_HOST": "127.0.0.1",
        "JAEGER_OTLP_PORT": str(ports["otlp"]),
        "JAEGER_QUERY_PORT": str(ports["jaeger"]),
        "JAEGER_HEALTH_PORT": "0",
        "JAEGER_FOLDER": str(folder),
        "OBSERVATORY_URL": f"http://127.0.0.1:{ports['query']}",
        "OTEL_TRACES_SAMPLER": "always_off",  # else it traces itself
    }
