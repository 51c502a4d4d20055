"""The embedded shop: each part is a process on loopback."""

import os
import platform
import shutil
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import msgspec

import vshop
from vshop.runtime.backends import jaeger
from vshop.runtime.backends.jars import KAFKA
from vshop.runtime.local import aot, environment
from vshop.runtime.local.launch import Child, Launcher, Stopped, stop_parts
from vshop.runtime.local.watchdog import Watchdog
from vshop.runtime.model import folders, ports, processes
from vshop.runtime.model.errors import NotRunningError, OtherOptionsError
from vshop.runtime.model.folders import Home, home_lock
from vshop.runtime.model.options import Options
from vshop.runtime.model.parts import PUBLISHED, Part, select
from vshop.runtime.model.probes import probe
from vshop.runtime.model.processes import Identity
from vshop.runtime.model.progress import Ended, Event, Mode, Progress, Started, serialized, silent


class ShopState(msgspec.Struct, kw_only=True):
    """A running shop, or one whose processes have died. By its file, any process can control the shop."""

    run: str
    started: str
    """ISO 8601, UTC."""
    home: str
    ports: dict[str, int]
    """Including Kafka's ``controller``."""
    versions: dict[str, str]
    options: Options
    processes: dict[str, Identity]

    @classmethod
    def read(cls, home: Home) -> Self | None:
        """Return the state, or None if the file is missing or of another version."""
        try:
            return msgspec.json.decode(home.state.read_bytes(), type=cls)
        except (OSError, msgspec.DecodeError):
            return None

    def write(self, home: Home) -> None:
        """Replace the state file atomically."""
        part = home.state.with_suffix(".partial")
        part.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=2))
        part.replace(home.state)

    def living(self) -> list[str]:
        """Return the parts whose process is alive."""
        return [name for name, identity in self.processes.items() if processes.find(identity)]


def versions() -> dict[str, str]:
    """Return the versions of vshop, Python and Kafka."""
    kafka = next(jar.version for jar in KAFKA.pinned() if jar.artifact == "kafka-clients")
    return {"vshop": vshop.__version__, "python": platform.python_version(), "kafka": kafka}


class Shop:
    """A running shop, from ``start`` or ``running``."""

    def __init__(self, state: ShopState, children: dict[str, Child] | None = None, watchdog: Watchdog | None = None) -> None:
        self.state = state
        self._home = folders.home(state.home)
        self._children = children or {}
        self._watchdog = watchdog

    @classmethod
    def start(cls, options: Options | None = None, progress: Progress = silent) -> Self:
        """Start a shop, or the dead parts of the one in this home folder, and return it with every part ready.

        Raises RuntimeProblem or SettingsError if it cannot start; no process is left running.
        """
        options = options or Options()
        environment.check_telemetry(options, os.environ)
        home = folders.home(options.home)
        progress = serialized(progress)
        with home_lock(home):
            found = ShopState.read(home)
            if found and found.living():
                shop = cls(found)
                for name in [name for name in found.processes if name not in found.living()]:
                    progress(Event(name, "note", "had died; starting it again"))
                    shop._restart(name, progress)
                return shop
            _clean(home, found, progress, keep=options.keep)
            return cls._launch(options, home, progress)

    @classmethod
    def running(cls, home: str | None = None) -> Self | None:
        """Return the shop of a home folder, even if some parts have died, or None."""
        found = ShopState.read(folders.home(home))
        return cls(found) if found and found.living() else None

    @classmethod
    def find(cls, home: str | None = None) -> Self:
        """Return the shop of a home folder, or raise NotRunningError."""
        if found := cls.running(home):
            return found
        raise NotRunningError("No shop is running. Start one with `vshop up`.")

    @property
    def addresses(self) -> dict[str, str]:
        """Address of each part, and of the OTLP receiver as ``otlp``."""
        named = {part.name: part.url.format(**self.state.ports) for part in select(self.state.processes)}
        return named | ({"otlp": f"http://127.0.0.1:{self.state.ports['otlp']}"} if "otlp" in self.state.ports else {})

    @property
    def client_addresses(self) -> dict[str, str]:
        """Addresses by field of ``vshop.shop.addresses.Addresses``."""
        by_part = self.addresses
        traces = "jaeger" if "jaeger" in by_part else "observatory"
        parts = {name: traces if name == "traces" else part for name, (part, _) in PUBLISHED.items()}
        return {name: by_part[part] for name, part in parts.items() if part in by_part}

    @property
    def variables(self) -> dict[str, str]:
        """Variables that point a program to the shop's parts."""
        own = {"VSHOP_HOME": self.state.home, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}
        if "otlp_grpc" in self.state.ports:
            own["VSHOP_OTLP_GRPC_URL"] = f"http://127.0.0.1:{self.state.ports['otlp_grpc']}"
        parts = select(self.state.processes)
        return own | {name: text.format(**self.state.ports) for part in parts for name, text in part.variables.items()}

    def status(self) -> dict[str, Any]:
        """Check every part.

        Returns ``run``, ``started``, ``home``, ``ready``, ``rss_bytes`` and ``versions`` of the whole shop, and ``parts`` by name,
        each with ``pid``, ``alive``, ``ready``, ``seen``, ``ports``, ``url``, ``rss_bytes`` and ``log``.
        """
        listed = select(self.state.processes)
        with ThreadPoolExecutor(len(listed) or 1) as pool:
            parts = dict(zip((part.name for part in listed), pool.map(self._check, listed), strict=True))
        return {name: getattr(self.state, name) for name in ("run", "started", "home", "versions")} | {
            "ready": all(one["ready"] for one in parts.values()),
            "rss_bytes": sum(one["rss_bytes"] for one in parts.values()),
            "parts": parts,
        }

    def _check(self, part: Part) -> dict[str, Any]:
        identity, ports = self.state.processes[part.name], self.state.ports
        alive = processes.find(identity) is not None
        ready, seen = probe(part, ports) if alive else (False, "its process has exited")
        return {
            "pid": identity.pid,
            "alive": alive,
            "ready": ready,
            "seen": seen,
            "ports": {name: ports[name] for name in part.ports},
            "url": part.url.format(**ports),
            "rss_bytes": processes.resident_bytes(identity),
            "log": str(self._home.log(part.name)),
        }

    def restart(self, name: str, progress: Progress = silent) -> None:
        """Restart one part with its data. Raises NotRunningError if there is none, PartFailedError if it cannot start."""
        if name not in self.state.processes:
            raise NotRunningError(f"This shop has no part {name!r}. It has: {', '.join(self.state.processes)}.")
        with home_lock(self._home):
            self._restart(name, serialized(progress))

    def stop(self, progress: Progress = silent, *, grace_s: float = 10.0) -> Stopped:
        """Stop every part."""
        progress = serialized(progress)
        with home_lock(self._home):
            stopped = stop_parts(self.state.processes, progress, run=self.state.run, grace_s=grace_s)
            current = ShopState.read(self._home)
            if current and current.run == self.state.run:
                self._home.state.unlink(missing_ok=True)
        for child in self._children.values():
            child.process.wait()
        if self._watchdog:
            self._watchdog.release()
            self._watchdog = None
        return stopped

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    @classmethod
    def _launch(cls, options: Options, home: Home, progress: Progress) -> Self:
        options = jaeger.resolve(options, progress)
        wanted = select(options.parts)
        numbers = ports.assign(options, wanted, os.environ)
        by_name = {name: (part.name, numbers[name]) for part in wanted for name in part.ports}
        ports.check(by_name, "The shop was not started", "vshop up")
        numbers["controller"] = ports.free(1)[0]
        for note in environment.settled(options, numbers, os.environ).notes:
            progress(Event("telemetry", "note", note))
        run = uuid.uuid4().hex
        with Launcher(options, home, numbers, run, progress) as launcher:
            launcher.start(wanted, keep=options.keep, kafka_flags=aot.flags() if "kafka" in options.parts else ())
            state = ShopState(
                run=run,
                started=datetime.now(UTC).isoformat(timespec="seconds"),
                home=str(home.path),
                ports=numbers,
                versions=versions(),
                options=options,
                processes={part.name: launcher.children[part.name].identity for part in wanted},
            )
            state.write(home)
            if options.detached:
                launcher.detach()
        if options.aot and "kafka" in options.parts and aot.make_in_background(launcher.env):
            progress(Event("kafka", "note", "building a cache in the background, once (about 20 s); it halves later starts"))
        return cls(state, launcher.children, None if options.detached else launcher.watchdog)

    def _restart(self, name: str, progress: Progress) -> None:
        state = self.state
        processes.terminate([state.processes[name]], 10.0)
        if name in self._children:
            self._children.pop(name).process.wait()
        with Launcher(state.options, self._home, state.ports, state.run, progress, self._watchdog) as launcher:
            launcher.start(select([name]), keep=True, kafka_flags=aot.flags() if name == "kafka" else ())
            if not self._watchdog:
                launcher.detach()
        self._children |= launcher.children
        state.processes[name] = launcher.children[name].identity
        state.write(self._home)


def _check_same(state: ShopState, options: Options) -> None:
    wanted = ports.named(options)
    other = [f"--port {name}={number}" for name, number in wanted.items() if state.ports.get(name, number) != number]
    other += ["--free-ports"] if options.free_ports and not state.options.free_ports else []
    other += [f"--dynamodb {options.dynamodb}"] if options.dynamodb != state.options.dynamodb else []
    other += [f"{name}={value}" for name, value in options.env.items() if state.options.env.get(name) != value]
    if other:
        raise OtherOptionsError(
            f"A shop runs in {state.home} already, without {', '.join(other)}. Stop it first (`vshop down`), or start another one "
            "with --home FOLDER."
        )


class LocalMode(Mode):
    """Runs the shop as processes of this machine."""

    name, first_order_s = "embedded", 20.0

    def __init__(self, options: Options) -> None:
        self._options = options
        self._shop = Shop.running(options.home)

    def up(self, progress: Progress) -> Started:
        """Start the shop, or its dead parts."""
        already = self._shop is not None
        if self._shop:
            _check_same(self._shop.state, self._options)
        self._shop = shop = Shop.start(self._options, progress)
        home = shop.state.home
        return Started(shop.addresses, {"home": home, "alreadyRunning": already}, {"logs, state": home}, already=already)

    def down(self, progress: Progress) -> Ended:
        """Stop the shop."""
        if self._shop is None:
            return Ended(found=False, text="No shop is running.")
        stopped = self._shop.stop(progress)
        if aot.stop_build(self._shop.state.run):
            progress(Event("kafka", "note", "stopped building the cache; the next start tries again"))
        killed = f" Had to be killed: {', '.join(stopped.killed)}." if stopped.killed else ""
        return Ended(found=True, text=f"Stopped in {stopped.seconds:.1f} s.{killed}")

    def status(self) -> dict[str, Any]:
        """Check every process."""
        return Shop.find(self._options.home).status()

    def addresses(self) -> dict[str, str]:
        """Return the loopback addresses."""
        return Shop.find(self._options.home).client_addresses


def _clean(home: Home, dead: ShopState | None, progress: Progress, *, keep: bool) -> None:
    if dead:
        killed = processes.kill_run(dead.run)
        progress(Event("shop", "note", f"the last run was not stopped properly; killed {killed} orphaned processes"))
        home.state.unlink(missing_ok=True)
    shutil.rmtree(home.path / "logs", ignore_errors=True)
    if not keep:
        for folder in (home.kafka, home.dynamodb, home.jaeger):
            shutil.rmtree(folder, ignore_errors=True)
        for file in (home.stock, home.stock_log, home.journal):
            file.unlink(missing_ok=True)
    elif home.kafka.exists() and not home.stock.exists() and not home.dynamodb.exists():
        text = "the stock of the last run is missing: Kafka's orders are kept, the stock is refilled"
        progress(Event("dynamodb", "note", text))
