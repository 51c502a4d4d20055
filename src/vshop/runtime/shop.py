"""The embedded shop: every part a process on loopback of this machine.

::

    with Shop.start(Options(free_ports=True, home=str(tmp_path))) as shop:
        shop.addresses["orders"]
"""

import os
import uuid
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Self

from vshop.runtime import folders, ports
from vshop.runtime import state as states
from vshop.runtime.errors import NotRunningError
from vshop.runtime.folders import Home
from vshop.runtime.housekeeping import clean, held, make_start_cache, versions
from vshop.runtime.options import Options
from vshop.runtime.parts import chosen
from vshop.runtime.progress import Event, Progress, one_at_a_time, silent
from vshop.runtime.state import State

if TYPE_CHECKING:
    from vshop.runtime.guard import Guard
    from vshop.runtime.halt import Stopped
    from vshop.runtime.launch import Child
    from vshop.runtime.status import ShopStatus


class Shop:
    """A shop that runs. Make one with ``start`` or ``attach``, find one with ``running``."""

    def __init__(self, state: State, children: "dict[str, Child] | None" = None, guard: "Guard | None" = None) -> None:
        """Keep what is known of a shop.

        Args:
            state: what runs.
            children: the processes, where this process started them.
            guard: watches over the processes, unless they may outlive this process.
        """
        self.state = state
        self._home = folders.home(state.home)
        self._children = children or {}
        self._guard = guard

    @classmethod
    def start(cls, options: Options | None = None, progress: Progress = silent) -> Self:
        """Start a shop; where one runs already in that home, return it, its dead parts started again.

        Args:
            options: how; the defaults are those of ``vshop up``.
            progress: told of every step, one call at a time.

        Returns:
            The shop, every part ready.

        Raises:
            RuntimeProblem: it cannot be started; nothing of it is left running.
        """
        options = options or Options()
        home = folders.home(options.home)
        progress = one_at_a_time(progress)
        with held(home):
            found = states.read(home.state)
            if found and found.living():
                shop = cls(found)
                for name in [name for name in found.processes if name not in found.living()]:
                    progress(Event(name, "note", "had ended; starting it again"))
                    shop._restart(name, progress)
                return shop
            clean(home, found, progress, keep=options.keep)
            return cls._launch(options, home, progress)

    @classmethod
    def attach(cls, state: State) -> Self:
        """Take up a shop that another process started.

        Args:
            state: as read from its state file.
        """
        return cls(state)

    @classmethod
    def running(cls, home: str | None = None) -> Self | None:
        """Find the shop that runs in a home folder.

        Args:
            home: the folder; found as in ``Options`` when not given.

        Returns:
            The shop, even if some of its parts have died; None when none is alive.
        """
        found = states.read(folders.home(home).state)
        return cls(found) if found and found.living() else None

    @property
    def addresses(self) -> dict[str, str]:
        """The address of each part, by its name; ``otlp`` is where the observatory takes signals."""
        named = {part.name: part.url.format(**self.state.ports) for part in chosen(self.state.processes)}
        return named | ({"otlp": f"http://127.0.0.1:{self.state.ports['otlp']}"} if "otlp" in self.state.ports else {})

    def status(self) -> "ShopStatus":
        """Look at every part: alive, ready, memory, log; plain data, fit for JSON."""
        from vshop.runtime.status import look  # noqa: PLC0415 - psutil and threads, not needed to import this module

        return look(self.state)

    def restart(self, name: str, progress: Progress = silent) -> None:
        """Stop one part, if it is still alive, and start it again with its data.

        Args:
            name: the part's name.
            progress: told of every step.

        Raises:
            NotRunningError: this shop has no such part.
            PartFailedError: it cannot be started again.
        """
        if name not in self.state.processes:
            raise NotRunningError(f"This shop has no part {name!r}. It has: {', '.join(self.state.processes)}.")
        with held(self._home):
            self._restart(name, one_at_a_time(progress))

    def stop(self, progress: Progress = silent, *, grace_s: float = 10.0) -> "Stopped":
        """Stop every part, services first.

        Args:
            progress: told of every step, one call at a time.
            grace_s: seconds that services, and then backends, get before they are killed.

        Returns:
            Which parts had to be killed, and how long it took.
        """
        from vshop.runtime.halt import halt  # noqa: PLC0415 - as above

        progress = one_at_a_time(progress)
        with held(self._home):
            stopped = halt(self.state.processes, progress, run=self.state.run, grace_s=grace_s)
            moto = "dynamodb" in self.state.processes and self.state.options.dynamodb == "moto"
            if moto and not self._home.stock.exists():
                progress(Event("dynamodb", "note", f"the stock was not saved; its log is {self._home.log('dynamodb')}"))
            current = states.read(self._home.state)
            if current and current.run == self.state.run:
                self._home.state.unlink(missing_ok=True)
        self._let_go()
        return stopped

    def __enter__(self) -> Self:
        """Return the shop; it is stopped when the block is left."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop the shop."""
        self.stop()

    def _let_go(self) -> None:
        for child in self._children.values():
            child.process.wait()
        if self._guard:
            self._guard.release()
            self._guard = None

    @classmethod
    def _launch(cls, options: Options, home: Home, progress: Progress) -> Self:
        from vshop.runtime import jaeger  # noqa: PLC0415 - as above
        from vshop.runtime.launch import Launch, attempt  # noqa: PLC0415

        options = jaeger.settle(options, progress)
        wanted = chosen(options.parts)
        numbers = ports.assign(options, wanted, os.environ)
        ports.check(wanted, numbers)
        numbers["controller"] = ports.free(1)[0]
        run = uuid.uuid4().hex
        with attempt(Launch(options, home, numbers, run, progress)) as (launcher, guard):
            launcher.start(wanted, keep=options.keep)
            state = State(
                run=run,
                started=datetime.now(UTC).isoformat(timespec="seconds"),
                home=str(home.path),
                ports=numbers,
                versions=versions(),
                options=options,
                processes={part.name: launcher.children[part.name].identity for part in wanted},
            )
            states.write(home.state, state)
        if options.detached:
            guard.release()
        if options.aot and "kafka" in options.parts:
            make_start_cache(launcher.env, progress)
        return cls(state, launcher.children, None if options.detached else guard)

    def _restart(self, name: str, progress: Progress) -> None:
        from vshop.runtime import processes  # noqa: PLC0415 - as above
        from vshop.runtime.launch import Launch, attempt  # noqa: PLC0415

        processes.end([self.state.processes[name]], 10.0)
        if name in self._children:
            self._children.pop(name).process.wait()
        again = Launch(self.state.options, self._home, self.state.ports, self.state.run, progress)
        with attempt(again, self._guard) as (launcher, guard):
            launcher.start(chosen([name]), keep=True)
        if not self._guard:
            guard.release()
        self._children |= launcher.children
        self.state.processes[name] = launcher.children[name].identity
        states.write(self._home.state, self.state)
