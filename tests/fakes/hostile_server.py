"""A server that answers with any bytes at all, as many as the client takes."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from itertools import chain, count, repeat

Answer = Callable[[], Iterable[bytes]]
"""Makes the pieces of one answer, head and body; may be without end."""

PIECE = 65_536


class HostileServer:
    """Gives the same answer to every connection, and closes it after that.

    Attributes:
        sent: Bytes that went out, of the last answer.
        pause_seconds: Between two pieces.
    """

    def __init__(self) -> None:
        self.answer: Answer = lambda: [ok(b"[]")]
        self.sent = 0
        self.pause_seconds = 0.0
        self.port = 0
        self.connections = 0
        self._hung_up = asyncio.Event()
        self._at_work: set[asyncio.Task[None]] = set()

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def until_the_client_is_gone(self) -> None:
        """Return once an answer could not be sent to its end."""
        async with asyncio.timeout(10):
            await self._hung_up.wait()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._at_work.add(task)
        task.add_done_callback(self._at_work.discard)

    async def close(self) -> None:
        tasks = list(self._at_work)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # a transport closes in the loop's next turn

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await reader.readuntil(b"\r\n\r\n")
                await self._send(writer)
                writer.close()
                await writer.wait_closed()
        finally:
            writer.transport.abort()

    async def _send(self, writer: asyncio.StreamWriter) -> None:
        self.sent = 0
        try:
            for piece in self.answer():
                writer.write(piece)
                await writer.drain()
                self.sent += len(piece)
                await asyncio.sleep(self.pause_seconds)
        except OSError:
            self._hung_up.set()


@asynccontextmanager
async def hostile_server() -> AsyncIterator[HostileServer]:
    """Listen on a free port of 127.0.0.1."""
    hostile = HostileServer()
    server = await asyncio.start_server(hostile.accept, "127.0.0.1", 0)
    hostile.port = server.sockets[0].getsockname()[1]
    try:
        yield hostile
    finally:
        server.close()
        await hostile.close()


def head(*headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", *headers]
    return "\r\n".join([*lines, "", ""]).encode()


def ok(body: bytes, *headers: str) -> bytes:
    return head(f"Content-Length: {len(body)}", *headers) + body


def fixed(answer: bytes) -> Answer:
    return lambda: [answer]


def ten_gigabytes() -> Iterator[bytes]:
    """Claim them, and send as many as are taken."""
    return chain([head(f"Content-Length: {10 * 1024**3}")], repeat(b" " * PIECE, 10 * 1024**3 // PIECE))


def endless_chunks() -> Iterator[bytes]:
    return chain([head("Transfer-Encoding: chunked")], repeat(b"%x\r\n" % PIECE + b" " * PIECE + b"\r\n"))


def four_gigabytes_zipped() -> Iterator[bytes]:
    """A megabyte of spaces, compressed so that the same bytes can follow again and again."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(b" " * 1024**2) + packer.flush(zlib.Z_FULL_FLUSH)
    opening = gzip.compress(b"")[:10]
    return chain([head("Content-Encoding: gzip", "Connection: close"), opening], repeat(block, 4096))


def endless_headers() -> Iterator[bytes]:
    return chain([b"HTTP/1.1 200 OK\r\n"], (b"X-%d: a\r\n" % number * 50 for number in count()))


def endless_header() -> Iterator[bytes]:
    return chain([b"HTTP/1.1 200 OK\r\nX-Long: "], repeat(b"a" * 1000))


def endless_trailers() -> Iterator[bytes]:
    opening = head("Transfer-Encoding: chunked") + b"2\r\n[]\r\n0\r\n"
    return chain([opening], (b"X-%d: a\r\n" % number * 50 for number in count()))


def endless_promises() -> Iterator[bytes]:
    """Interim answers, and never the real one."""
    return repeat(b"HTTP/1.1 100 Continue\r\n\r\n" * 10)


def drop_by_drop() -> Iterator[bytes]:
    """A body that keeps coming, one byte at a time."""
    return chain([head("Content-Length: 1000")], repeat(b" ", 1000))
