"""Starts parts: all at once, each awaited as "alive and ready" under one shared time budget."""

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from vshop.runtime import commands, environment, processes
from vshop.runtime.commands import Surroundings
from vshop.runtime.errors import NotReadyError, PartDiedError
from vshop.runtime.folders import Home
from vshop.runtime.guard import Guard
from vshop.runtime.halt import halt
from vshop.runtime.options import Options
from vshop.runtime.parts import Part
from vshop.runtime.probes import Seen, probe
from vshop.runtime.progress import Event, Progress

_POLL_S = 0.05
_UNDO_S = 3.0


class Child(NamedTuple):
    """A part's process as its parent sees it."""

    part: Part
    process: subprocess.Popen[bytes]
    identity: processes.Identity
    since: float
    """When it was started, on the monotonic clock."""


class Launch(NamedTuple):
    """What a start needs to know."""

    options: Options
    home: Home
    ports: dict[str, int]
    run: str
    progress: Progress
    kafka_flags: tuple[str, ...] = ()
    """More flags for Kafka's JVM, in place of those that use the start cache."""


@contextmanager
def attempt(launch: Launch, guard: Guard | None = None) -> Iterator["tuple[Launcher, Guard]"]:
    """Start parts inside the block; when it fails, everything that it started is stopped again.

    Args:
        launch: what is to be started.
        guard: one that watches over the run already; without it a new one is started.

    Yields:
        What starts the parts, and the guard, which is to be kept or released.
    """
    watching = guard or Guard.start(launch.run)
    launcher = Launcher(launch, watching)
    try:
        yield launcher, watching
    except BaseException as error:
        launch.progress(Event(getattr(error, "part", "shop"), "failed", str(error).partition("\n")[0]))
        halt({name: child.identity for name, child in launcher.children.items()}, launch.progress, grace_s=_UNDO_S)
        for child in launcher.children.values():
            child.process.wait()
        if watching is not guard:
            watching.release()
        raise


class Launcher:
    """Starts the parts of one run. Keeps what it started in ``children``, so that a failed start can be undone."""

    def __init__(self, launch: Launch, guard: Guard) -> None:
        """Prepare; nothing starts yet.

        Args:
            launch: what is to be started.
            guard: told of every process.
        """
        self.children: dict[str, Child] = {}
        self.env = environment.build(launch.options, launch.ports, launch.run, os.environ)
        self._options, self._home, self._ports, self._progress = launch.options, launch.home, launch.ports, launch.progress
        self._around = Surroundings(launch.options, launch.home, launch.ports, self.env, launch.progress, launch.kafka_flags)
        self._guard = guard
        self._given_up = threading.Event()

    def start(self, parts: list[Part], *, keep: bool) -> None:
        """Start parts and wait until all are ready.

        Args:
            parts: which.
            keep: Kafka keeps its data.

        Raises:
            PartFailedError: one died, or was not ready in time.
            FetchError: a server's files are not to be had.
        """
        # Kafka takes longest, so it goes first; but nobody needs to wait while something is fetched.
        ordered = sorted(parts, key=lambda part: (commands.must_fetch(part, self._options), part.name != "kafka"))
        for part in ordered:
            self._spawn(part, keep=keep)
        self._await([self.children[part.name] for part in parts])

    def _spawn(self, part: Part, *, keep: bool) -> None:
        command, env = commands.of(part, self._around, keep=keep)
        self._progress(Event(part.name, "starting"))
        process = processes.spawn(command, env, self._home.log(part.name))
        self._guard.watch(process.pid)
        self.children[part.name] = Child(part, process, processes.identify(process.pid), time.monotonic())

    def _await(self, children: list[Child]) -> None:
        deadline = time.monotonic() + self._options.timeout_s
        with ThreadPoolExecutor(len(children) or 1) as pool:
            futures = [pool.submit(self._await_one, child, deadline) for child in children]
            try:
                done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            finally:
                self._given_up.set()
        self._given_up.clear()
        for future in done:
            future.result()
        # One may have died after it was ready, while others were still awaited.
        for child in children:
            self._check_alive(child)

    def _await_one(self, child: Child, deadline: float) -> None:
        while not self._given_up.is_set():
            self._check_alive(child)
            seen = probe(child.part, self._ports)
            if seen.ready:
                self._progress(Event(child.part.name, "ready", f"{time.monotonic() - child.since:.1f} s"))
                return
            if time.monotonic() > deadline:
                raise self._late(child, seen)
            self._given_up.wait(_POLL_S)

    def _check_alive(self, child: Child) -> None:
        code = child.process.poll()
        if code is not None:
            name, log = child.part.name, self._home.log(child.part.name)
            raise PartDiedError(
                name,
                f"{name} was started and ended with exit code {code}. The end of its log:\n{_quote(log)}\n"
                f"The whole log is {log}. Correct what it names, then start again.",
            )

    def _late(self, child: Child, seen: Seen) -> NotReadyError:
        name, log = child.part.name, self._home.log(child.part.name)
        return NotReadyError(
            name,
            f"{name} runs, but was not ready {self._options.timeout_s:.0f} s after the start. Its last check saw: {seen.detail}.\n"
            f"The end of its log:\n{_quote(log)}\nThe whole log is {log}. On a busy machine give it longer "
            "(`vshop up --timeout 180`).",
        )


def _quote(log: Path) -> str:
    return "\n".join(f"  | {line}" for line in processes.tail(log).splitlines())
