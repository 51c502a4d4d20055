"""A real Jaeger beside the observatory. One that the shop starts forwards every signal to it; a running one gets them from it."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from vshop.runtime.model.errors import JaegerError
from vshop.runtime.model.options import Options
from vshop.runtime.model.processes import capture
from vshop.runtime.model.progress import Event, Progress

_OTLP_PORT = 4318  # https://www.jaegertracing.io/docs/latest/deployment/#ports


def resolve(options: Options, progress: Progress) -> Options:
    """Resolve ``Options.jaeger`` to ``none``, an address or a program's path. Raises JaegerError if the shop cannot use it."""
    wanted = options.jaeger
    if wanted.startswith(("http://", "https://")):
        return options
    found = shutil.which("jaeger") if wanted == "auto" else None if wanted == "none" else wanted
    if found is None or "observatory" not in options.parts:
        return msgspec.structs.replace(options, jaeger="none")
    problem = _problem(found)
    if problem and wanted != "auto":
        raise JaegerError(f"{found} cannot be started as Jaeger: {problem}. Give the path of a Jaeger 2 program, or an address.")
    if wanted == "auto":
        use = f"found {found}; it stores the traces (`--jaeger none` turns it off)"
        progress(Event("jaeger", "note", f"{found} is not used: {problem}" if problem else use))
    if problem:
        return msgspec.structs.replace(options, jaeger="none")
    return msgspec.structs.replace(options, jaeger=str(Path(found).absolute()), parts=(*options.parts, "jaeger"))


def _problem(program: str) -> str:
    try:
        version = str(json.loads(capture(program, "version", timeout_s=10).stdout)["gitVersion"])
    except OSError as error:
        return f"it cannot be run: {error.strerror}"
    except subprocess.TimeoutExpired:
        return "`version` did not end within 10 s"
    except (ValueError, KeyError, TypeError):
        return "`version` does not print what Jaeger prints"
    return "" if version.removeprefix("v").startswith("2.") else f"it is version {version}, not 2"


def external_variables(options: Options, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that forward to a running Jaeger (``SHOP_FORWARD``, else port 4318 of its host) and link to its page."""
    if not options.jaeger.startswith("http"):
        return {}
    page = urlsplit(options.jaeger)
    otlp = f"{page.scheme}://{page.hostname}:{_OTLP_PORT}"
    return {
        "SHOP_FORWARD": environ.get("SHOP_FORWARD") or otlp,
        "SHOP_TRACE_URL": f"{options.jaeger.rstrip('/')}/trace/{{traceId}}",
    }


def command(program: str) -> list[str]:
    """Return the command line of Jaeger."""
    return [program, "--config", str(Path(__file__).with_name("jaeger.yaml"))]


def environment(folder: Path, ports: dict[str, int]) -> dict[str, str]:
    """Return the variables that ``jaeger.yaml`` reads."""
    return {
        "JAEGER_LISTEN_HOST": "127.0.0.1",
        "JAEGER_OTLP_PORT": str(ports["otlp"]),
        "JAEGER_OTLP_GRPC_PORT": str(ports["otlp_grpc"]),
        "JAEGER_QUERY_PORT": str(ports["jaeger"]),
        "JAEGER_HEALTH_PORT": "0",
        "JAEGER_FOLDER": str(folder),
        "OBSERVATORY_URL": f"http://127.0.0.1:{ports['query']}",
        "OTEL_TRACES_SAMPLER": "always_off",  # otherwise Jaeger traces itself
    }
