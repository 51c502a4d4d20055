"""The environment of a part's process.

Which variables of the launcher reach the services:

- an ordinary shop: all, except ``AWS_*`` while the shop has its own DynamoDB (real credentials never reach it);
- a shop on free ports is isolated: no ``SHOP_*``, ``OTEL_*`` or ``AWS_*``, so that a test sees the same shop on every machine.

Over that come the addresses of the parts which this shop starts (a part left out keeps the address it has in the environment), and
over everything ``Options.env``.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from vshop.runtime import folders, jaeger
from vshop.runtime.options import Options
from vshop.runtime.parts import Part, chosen

RUN = "VSHOP_RUN"
"""Marks every process of a run, so that leftovers can be found."""

_OWN_PREFIXES = ("SHOP_", "OTEL_", "AWS_")
_AWS = {
    "AWS_ACCESS_KEY_ID": "embedded",
    "AWS_SECRET_ACCESS_KEY": "embedded",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    # The user's profiles may name another endpoint, region or retry mode.
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


def build(options: Options, ports: Mapping[str, int], run: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Make the environment of the shop's processes.

    Args:
        options: how the shop is started.
        ports: numbers by the names of the ports.
        run: the run's id.
        environ: the launcher's environment.
    """
    parts = chosen(options.parts)
    own_dynamodb = any(part.name == "dynamodb" for part in parts)
    dropped = _OWN_PREFIXES if options.free_ports else ("AWS_",) if own_dynamodb else ()
    env = {key: value for key, value in environ.items() if not key.startswith(dropped)} if dropped else dict(environ)
    for part in parts:
        env |= {f"SHOP_{name.upper()}_PORT": str(ports[name]) for name in part.ports if part.reads_settings}
        env |= {key: template.format(**ports) for key, template in part.gives.items()}
    if own_dynamodb:
        env |= _AWS
    if any(part.name == "console" for part in parts):
        env["SHOP_JOURNAL"] = str(folders.home(options.home).journal)
    env |= jaeger.elsewhere(options, env)
    env["PYTHONPATH"] = python_path(environ)
    # A proxy for the outside must not be asked for loopback addresses.
    for key in ("NO_PROXY", "no_proxy"):
        env[key] = ",".join(filter(None, (environ.get(key), "127.0.0.1,localhost")))
    if env.pop("PYTHONDONTWRITEBYTECODE", ""):
        # Compiling everything anew costs each start seconds; the wish is respected by keeping the result out of the user's folders.
        env.setdefault("PYTHONPYCACHEPREFIX", str(folders.cache() / "bytecode"))
    return env | options.env | {RUN: run}


def command(part: Part, ports: Mapping[str, int]) -> list[str]:
    """Say how a Python part is run.

    Args:
        part: one that has a module.
        ports: numbers by the names of the ports.
    """
    # -P: else a folder `orders/` where the user stands would run instead of ours.
    line = [sys.executable, "-P", "-m", part.module]
    return line if part.reads_settings else [*line, *(str(ports[name]) for name in part.ports)]


def python_path(environ: Mapping[str, str]) -> str:
    """Make the ``PYTHONPATH`` with which the services and ``vshop`` itself are found.

    Args:
        environ: whose own ``PYTHONPATH`` comes after.
    """
    source = Path(__file__).resolve().parents[2]
    # From a checkout that is not installed; an installed package is on the path already, and site-packages must not come first.
    own = [str(source)] if source.name == "src" else []
    return os.pathsep.join([str(folders.services()), *own, *filter(None, [environ.get("PYTHONPATH")])])
