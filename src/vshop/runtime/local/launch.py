"""Starts parts at once under one timeout. Stops services before backends."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

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
from vshop.runtime.model.probes import probe
from vshop.runtime.model.processes import Identity
from vshop.runtime.model.progress import Event, Progress

_POLL_S = 0.05
_UNDO_S = 3.0


class Child(NamedTuple):
    """A part's process, started by this process."""

    part: Part
    process: subprocess.Popen[bytes]
    identity: Identity
    started: float


class Launcher:
    """Starts the parts of one run. If its ``with`` block fails, all parts that it started are stopped."""

    def __init__(
        self, options: Options, home: Home, ports: dict[str, int], run: str, progress: Progress, watchdog: Watchdog | None = None
    ) -> None:
        """Continue with the watchdog of an earlier start, or start one."""
        self.children: dict[str, Child] = {}
        self.env = environment.build(options, ports, run, os.environ)
        self._packages: Path | None = None
        if any(part.may_have_agent for part in select(options.parts)):
            zero_code = environment.chosen_mode(options, os.environ) == ZERO_CODE
            self._packages = services_packages.ensure(progress, zero_code=zero_code)
        self._options, self._home, self._ports, self._progress = options, home, ports, progress
        self._owns_watchdog = watchdog is None
        self.watchdog = watchdog or Watchdog(run, processes.build_for_helpers(os.environ))
        self._stop_waiting = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None:
            return
        self._progress(Event(getattr(error, "part", "shop"), "failed", str(error).partition("\n")[0]))
        stop_parts({name: child.identity for name, child in self.children.items()}, self._progress, grace_s=_UNDO_S)
        for child in self.children.values():
            child.process.wait()
        if self._owns_watchdog:
            self.watchdog.release()

    def start(self, parts: list[Part], *, keep: bool, kafka_flags: Iterable[str] = ()) -> None:
        """Start parts and wait until all are ready. ``keep``: Kafka keeps its data. Raises PartFailedError or FetchError."""
        # Kafka starts first because it takes longest. Parts whose files must be downloaded start last, so that no other part waits.
        for part in sorted(parts, key=lambda part: (self._must_fetch(part), part.name != "kafka")):
            command, env = self._prepare(part, kafka_flags, keep=keep)
            self._progress(Event(part.name, "starting"))
            process = processes.spawn(command, env, self._home.log(part.name))
            self.watchdog.watch(process.pid)
            self.children[part.name] = Child(part, process, processes.identify(process.pid), time.monotonic())
        self._wait_all([self.children[part.name] for part in parts])

    def detach(self) -> None:
        """Let the started parts outlive this process."""
        self.watchdog.release()
        for child in self.children.values():
            child.process.returncode = 0  # Popen warns about a child that outlives it

    def _wait_all(self, children: list[Child]) -> None:
        deadline = time.monotonic() + self._options.timeout_s
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
            ready, seen = probe(child.part, self._ports)
            if ready:
                self._progress(Event(child.part.name, "ready", f"{time.monotonic() - child.started:.1f} s"))
                return
            if time.monotonic() > deadline:
                name, limit = child.part.name, f"{self._options.timeout_s:.0f} s"
                raise NotReadyError(
                    name,
                    f"{name} runs, but was not ready within {limit}. Its last health check: {seen}.\n{self._quote_log(name)}. "
                    "On a busy machine, allow more time (`vshop up --timeout 180`).",
                )
            self._stop_waiting.wait(_POLL_S)

    def _check_alive(self, child: Child) -> None:
        name, code = child.part.name, child.process.poll()
        if code is not None:
            text = f"{name} exited with exit code {code} during the start. {self._quote_log(name)}. Fix the cause and start again."
            raise PartDiedError(name, text)

    def _quote_log(self, name: str) -> str:
        log = self._home.log(name)
        quoted = "\n".join(f"  | {line}" for line in processes.tail(log).splitlines())
        return f"The end of its log:\n{quoted}\nThe whole log is {log}"

    def _must_fetch(self, part: Part) -> bool:
        local = self._options.dynamodb == "local"
        return (part.name == "kafka" and not KAFKA.fetched()) or (part.name == "dynamodb" and local and not DYNAMODB.fetched())

    def _prepare(self, part: Part, kafka_flags: Iterable[str], *, keep: bool) -> tuple[list[str], dict[str, str]]:
        """Download and write the files that a part needs; return its command line and environment. Raises FetchError."""
        home, ports, env = self._home, self._ports, self.env
        if part.name == "kafka":
            properties = java_servers.prepare_kafka(home.kafka, ports["kafka"], ports["controller"], keep=keep)
            files = KAFKA.ensure(self._progress)
            return java_servers.kafka_command(properties, files, kafka_flags), java_servers.environment(env)
        if part.name == "dynamodb" and self._options.dynamodb == "local":
            self._progress(Event(part.name, "note", java_servers.DYNAMODB_NOTICE))
            files = DYNAMODB.ensure(self._progress)
            return java_servers.dynamodb_command(files, ports["dynamodb"], home.dynamodb), java_servers.environment(env)
        if part.name == "dynamodb":
            if home.stock.exists():
                self._progress(Event(part.name, "note", "starts with the saved stock"))
            return [*_python(part, ports), str(home.stock)], env
        if part.name == "jaeger":
            return jaeger.command(self._options.jaeger), env | jaeger.environment(home.jaeger, ports)
        env = env | environment.for_service(env, part.name)
        return under_agent(part.name if part.may_have_agent else "", _python(part, ports), env, self._packages)


def _python(part: Part, ports: Mapping[str, int]) -> list[str]:
    # Without -P, a folder `orders/` in the user's working directory would run instead of the shop's module.
    line = [sys.executable, "-P", "-m", part.module]
    return line if part.reads_settings else [*line, *(str(ports[name]) for name in part.ports)]


class Stopped(NamedTuple):
    """Result of a stop."""

    killed: tuple[str, ...]
    seconds: float


def stop_parts(identities: Mapping[str, Identity], progress: Progress, *, run: str | None = None, grace_s: float = 10.0) -> Stopped:
    """Stop parts, services before backends, and kill other processes of ``run``.

    ``grace_s`` is the time between SIGTERM and SIGKILL, first for all services, then for all backends.
    """
    started = time.monotonic()
    killed: list[str] = []
    for kind in ("service", "backend"):
        group = {part.name: identities[part.name] for part in PARTS if part.kind == kind and part.name in identities}
        for name in group:
            progress(Event(name, "stopping"))
        stubborn = processes.terminate(group.values(), grace_s)
        for name, identity in group.items():
            if identity in stubborn:
                killed.append(name)
                progress(Event(name, "killed", f"did not exit within {grace_s:.0f} s"))
            else:
                progress(Event(name, "stopped"))
    if run and (others := processes.kill_run(run)):
        progress(Event("shop", "killed", f"{others} other processes of this run"))
    return Stopped(tuple(killed), time.monotonic() - started)
