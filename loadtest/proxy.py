"""A TCP proxy on loopback that delays, holds, drops or resets bytes."""

import asyncio
import contextlib
import socket
import struct
import threading
import time
from enum import StrEnum

_CHUNK = 65_536
_DELAY_S = 0.3
_FLAP_S = 0.7
_RESET_AFTER = 20  # bytes of an answer


class Mode(StrEnum):
    OPEN = "open"
    LATENCY = "latency"
    """Every piece arrives 0.3 s late, in both directions."""
    BLACK_HOLE = "black hole"
    """Nothing arrives and nothing is closed. The held bytes arrive when the mode changes, as after TCP's retransmission."""
    HALF_OPEN = "half-open"
    """Answers are lost, and the connection is reset when the mode changes."""
    RESET = "reset"
    """After the first bytes of an answer."""
    FLAPPING = "flapping"
    """Alternately open and reset, for 0.7 s each."""
    ANSWER = "answer"
    """The proxy answers each HTTP request with ``refusal``."""


class Proxy:
    def __init__(self, target: int) -> None:
        self.mode = Mode.OPEN
        self.refusal = b""
        self.connections = 0  # accepted so far
        self._replaced = self._replacement = b""
        self._target, self._flipped_at = target, 0.0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = int(self._listener.getsockname()[1])
        self._loop = asyncio.new_event_loop()
        self._changed, self._over = asyncio.Event(), asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),), name="proxy", daemon=True)
        self._thread.start()

    def advertise_for_kafka(self) -> None:
        """Replace the broker's address in its answers by the proxy's, of the same length."""
        self._replaced, self._replacement = (b"127.0.0.1" + struct.pack(">i", port) for port in (self._target, self.port))

    def set(self, mode: Mode, refusal: bytes = b"") -> None:
        """Change the mode for open and new connections; ``refusal`` is the HTTP answer of ``Mode.ANSWER``."""
        self.refusal, self.mode, self._flipped_at = refusal, mode, time.monotonic()
        self._loop.call_soon_threadsafe(self._notify)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()
        self._loop.close()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._connect, sock=self._listener)
        await self._over.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        try:
            await self._join(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            _reset(writer)
        else:
            writer.close()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while self.mode is Mode.ANSWER:
            await self._answer(reader, writer)
        if self._effective() is Mode.BLACK_HOLE:
            await self._passable()
        behind, to_behind = await asyncio.open_connection("127.0.0.1", self._target)
        try:
            ways = [self._pump(reader, to_behind, answers=False), self._pump(behind, writer, answers=True)]
            await asyncio.gather(*ways)
        except BaseException:
            _reset(to_behind)
            raise
        to_behind.close()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, answers: bool) -> None:
        while data := await source.read(_CHUNK):
            mode = self._effective()
            if mode is Mode.LATENCY:
                await asyncio.sleep(_DELAY_S)
            elif mode is Mode.BLACK_HOLE:
                await self._passable()
            elif mode is Mode.HALF_OPEN and answers:
                await self._changed.wait()
                raise ConnectionResetError
            elif mode is Mode.ANSWER:
                raise ConnectionResetError
            elif mode is Mode.RESET and answers:
                sink.write(data[:_RESET_AFTER])
                await sink.drain()
                raise ConnectionResetError
            sink.write(data.replace(self._replaced, self._replacement) if answers and self._replaced else data)
            await sink.drain()
        if sink.can_write_eof():
            sink.write_eof()

    async def _passable(self) -> None:
        while self.mode is Mode.BLACK_HOLE:
            await self._changed.wait()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        await reader.readexactly(int(lengths[0]) if lengths else 0)
        if self.mode is not Mode.ANSWER:
            raise ConnectionResetError
        writer.write(self.refusal)
        await writer.drain()

    def _effective(self) -> Mode:
        if self.mode is not Mode.FLAPPING:
            return self.mode
        return Mode.RESET if int((time.monotonic() - self._flipped_at) / _FLAP_S) % 2 == 0 else Mode.OPEN


def _reset(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
