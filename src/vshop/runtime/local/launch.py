"""Starts parts at once under one timeout. Stops services before backends."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from vshop.kit.telemetry.modes import ZERO_CODE, under_agent
from vshop.runtime.backends import jaeger, java_servers
from vshop.runtime.backends.jars import DYNAMODB, KAFKA
from vshop.runtime.local import environment, services_packages
from vshop.runtime.local.watchdog import Watchdog
from vshop.runtime.model import processes
from vshop.runtime.model.errors import NotReadyError, PartDiedError
from vshop.runtime.model.folders import Home
from vshop.runtime.model.options import Options
from vshop.runtime.model.parts import PARTS, Part, select
from vshop.runtime.model.probes import ProbeResult, probe
from vshop.runtime.model.processes import Identity
from vshop.runtime.model.progress import Event, Progress

_POLL_S = 0.05
_UNDO_S = 3.0


class LaunchPlan(NamedTuple):
    """What a start needs to know."""

    options: Options
    home: Home
    ports: dict[str, int]
    run: str
    progress: Progress
    kafka_flags: tuple[str, ...] = ()


class Child(NamedTuple):
    """A part's process, started by this process."""

    part: Part
    process: subprocess.Popen[bytes]
    identity: Identity
    started: float


@contextmanager
def launching(plan: LaunchPlan, watchdog: Watchdog | None = None) -> Iterator["tuple[Launcher, Watchdog]"]:
    """Provide a launcher, and the watchdog to keep or release. If the block fails, stop all parts that it started."""
    active = watchdog or Watchdog.start(plan.run, processes.build_for_helpers(os.environ))
    launcher = Launcher(plan, active)
    try:
        yield launcher, active
    except BaseException as error:
        plan.progress(Event(getattr(error, "part", "shop"), "failed", str(error).partition("\n")[0]))
        stop_parts({name: child.identity for name, child in launcher.children.items()}, plan.progress, grace_s=_UNDO_S)
        for child in launcher.children.values():
            child.process.wait()
        if active is not watchdog:
            active.release()
        raise


class Launcher:
    """Starts the parts of one run."""

    def __init__(self, plan: LaunchPlan, watchdog: Watchdog) -> None:
        self.children: dict[str, Child] = {}
        self.env = environment.build(plan.options, plan.ports, plan.run, os.environ)
        self._packages: Path | None = None
        if any(part.may_have_agent for part in select(plan.options.parts)):
            zero_code = environment.chosen_mode(plan.options, os.environ) == ZERO_CODE
            self._packages = services_packages.ensure(plan.progress, zero_code=zero_code)
        self._plan = plan
        self._watchdog = watchdog
        self._stop_waiting = threading.Event()

    def start(self, parts: list[Part], *, keep: bool) -> None:
        """Start parts and wait until all are ready. Raises PartFailedError or FetchError."""
        # Kafka starts first because it takes longest. Parts whose files must be downloaded start last, so that no other part waits.
        ordered = sorted(parts, key=lambda part: (must_fetch(part, self._plan.options), part.name != "kafka"))
        for part in ordered:
            self._spawn(part, keep=keep)
        self._wait_all([self.children[part.name] for part in parts])

    def detach(self) -> None:
        """Let the started parts outlive this process."""
        self._watchdog.release()
        for child in self.children.values():
            child.process.returncode = 0  # Popen warns about a child that outlives it

    def _spawn(self, part: Part, *, keep: bool) -> None:
        command, env = prepare(part, self._plan, self.env, self._packages, keep=keep)
        self._plan.progress(Event(part.name, "starting"))
        process = processes.spawn(command, env, self._plan.home.log(part.name))
        self._watchdog.watch(process.pid)
        self.children[part.name] = Child(part, process, processes.identify(process.pid), time.monotonic())

    def _wait_all(self, children: list[Child]) -> None:
        deadline = time.monotonic() + self._plan.options.timeout_s
        with ThreadPoolExecutor(len(children) or 1) as pool:
            futures = [pool.submit(self._wait_one, child, deadline) for child in children]
            try:
                done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            finally:
                self._stop_waiting.set()
        self._stop_waiting.clear()
        for future in done:
            future.result()
        # A part may have died after it was ready, while others were still starting.
        for child in children:
            self._check_alive(child)

    def _wait_one(self, child: Child, deadline: float) -> None:
        while not self._stop_waiting.is_set():
            self._check_alive(child)
            result = probe(child.part, self._plan.ports)
            if result.ready:
                self._plan.progress(Event(child.part.name, "ready", f"{time.monotonic() - child.started:.1f} s"))
                return
            if time.monotonic() > deadline:
                raise self._not_ready(child, result)
            self._stop_waiting.wait(_POLL_S)

    def _check_alive(self, child: Child) -> None:
        code = child.process.poll()
        if code is not None:
            name, log = child.part.name, self._plan.home.log(child.part.name)
            raise PartDiedError(
                name,
                f"{name} exited with exit code {code} during the start. The end of its log:\n{_quote(log)}\n"
                f"The whole log is {log}. Fix the cause and start again.",
            )

    def _not_ready(self, child: Child, result: ProbeResult) -> NotReadyError:
        name, log = child.part.name, self._plan.home.log(child.part.name)
        return NotReadyError(
            name,
            f"{name} runs, but was not ready within {self._plan.options.timeout_s:.0f} s. Its last health check: {result.detail}.\n"
            f"The end of its log:\n{_quote(log)}\nThe whole log is {log}. On a busy machine, allow more time "
            "(`vshop up --timeout 180`).",
        )


def _quote(log: Path) -> str:
    return "\n".join(f"  | {line}" for line in processes.tail(log).splitlines())


def must_fetch(part: Part, options: Options) -> bool:
    """Return whether a part's files still have to be downloaded."""
    files = KAFKA if part.name == "kafka" else DYNAMODB if part.name == "dynamodb" and options.dynamodb == "local" else None
    return files is not None and not files.fetched()


def prepare(
    part: Part, plan: LaunchPlan, env: dict[str, str], packages: Path | None, *, keep: bool
) -> tuple[list[str], dict[str, str]]:
    """Download and write the files that a part needs; return its command line and environment. Raises FetchError.

    Services import first from ``packages``, if given. ``keep``: Kafka keeps its data.
    """
    ports = plan.ports
    if part.name == "kafka":
        properties = java_servers.prepare_kafka(plan.home.kafka, ports["kafka"], ports["controller"], keep=keep)
        files = KAFKA.ensure(plan.progress)
        return java_servers.kafka_command(properties, files, plan.kafka_flags), java_servers.environment(env)
    if part.name == "dynamodb" and plan.options.dynamodb == "local":
        plan.progress(Event(part.name, "note", java_servers.DYNAMODB_NOTICE))
        files = DYNAMODB.ensure(plan.progress)
        return java_servers.dynamodb_command(files, ports["dynamodb"], plan.home.dynamodb), java_servers.environment(env)
    if part.name == "dynamodb":
        if plan.home.stock.exists():
            plan.progress(Event(part.name, "note", "starts with the saved stock"))
        return [*_python(part, ports), str(plan.home.stock)], env
    if part.name == "jaeger":
        return jaeger.command(plan.options.jaeger), env | jaeger.environment(plan.home.jaeger, ports)
    env = env | environment.for_service(env, part.name)
    return under_agent(part.name if part.may_have_agent else "", _python(part, ports), env, packages)


def _python(part: Part, ports: Mapping[str, int]) -> list[str]:
    # Without -P, a folder `orders/` in the user's working directory would run instead of the shop's module.
    line = [sys.executable, "-P", "-m", part.module]
    return line if part.reads_settings else [*line, *(str(ports[name]) for name in part.ports)]


class Stopped(NamedTuple):
    """Result of a stop."""

    killed: tuple[str, ...]
    others_killed: int
    seconds: float


def stop_parts(
    identities: Mapping[str, Identity],
    progress: Progress,
    *,
    run: str | None = None,
    grace_s: float = 10.0,
) -> Stopped:
    """Stop parts, services before backends, and kill other processes of ``run``.

    ``grace_s`` is the time between SIGTERM and SIGKILL, first for all services, then for all backends.
    """
    started = time.monotonic()
    killed: list[str] = []
    for kind in ("service", "backend"):
        group = {part.name: identities[part.name] for part in PARTS if part.kind == kind and part.name in identities}
        killed += _stop_group(group, progress, grace_s)
    others_killed = processes.kill_run(run) if run else 0
    if others_killed:
        progress(Event("shop", "killed", f"{others_killed} other processes of this run"))
    return Stopped(tuple(killed), others_killed, time.monotonic() - started)


def _stop_group(group: Mapping[str, Identity], progress: Progress, grace_s: float) -> list[str]:
    for name in group:
        progress(Event(name, "stopping"))
    killed_identities = processes.terminate(group.values(), grace_s)
    for name, identity in group.items():
        was_killed = identity in killed_identities
        progress(Event(name, "killed" if was_killed else "stopped", f"did not exit within {grace_s:.0f} s" if was_killed else ""))
    return [name for name, identity in group.items() if identity in killed_identities]
