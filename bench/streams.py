"""The stream load: `python bench/streams.py PORT PATH KEY CONNECTIONS SECONDS`, a JSON line of counts on standard output.

Keeps CONNECTIONS streams going and counts how many reads the events took: one event per read says that the gateway let them
through singly, and so received them singly.
"""

import asyncio
import json
import sys
import time
from typing import Any

import uvloop

FILLER = " ".join(f"word{i}" for i in range(140))


def request(path: str, key: str, serial: int) -> bytes:
    """A 1 KB request for a stream; each has its own text."""
    body = {
        "model": "bench",
        "stream": True,
        "max_tokens": 256,
        "messages": [{"role": "user", "content": f"{serial} {FILLER}"}],
    }
    data = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nauthorization: Bearer {key}\r\n"
    head += f"anthropic-version: 2023-06-01\r\ncontent-length: {len(data)}\r\n\r\n"
    return head.encode() + data


class Reader(asyncio.Protocol):
    """One connection: asks, counts, and asks again until the time is over."""

    counts = {"streams": 0, "events": 0, "reads": 0, "errors": 0}
    serial = 0

    def __init__(self, path: str, key: str, until: float, done: "asyncio.Future[None]") -> None:
        self._path, self._key, self._until, self._done = path, key, until, done
        self._end = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the first stream."""
        self._transport: Any = transport
        self._ask()

    def connection_lost(self, _exc: Exception | None) -> None:
        """Over, or broken."""
        if not self._done.done():
            self.counts["errors"] += time.monotonic() < self._until
            self._done.set_result(None)

    def _ask(self) -> None:
        Reader.serial += 1
        self._transport.write(request(self._path, self._key, Reader.serial))

    def data_received(self, data: bytes) -> None:
        """Count events and reads; the last chunk of a stream starts the next."""
        counts = self.counts
        events = data.count(b"\ndata: ") + data.startswith(b"data: ")
        if events:
            counts["reads"] += 1
            counts["events"] += events
        if b"HTTP/1.1 " in data and b"HTTP/1.1 200" not in data:
            counts["errors"] += 1
        self._end = (self._end + data)[-7:]
        if self._end == b"\r\n0\r\n\r\n":
            counts["streams"] += 1
            if time.monotonic() < self._until:
                self._ask()
            else:
                self._transport.close()
                self._done.set_result(None)


async def _main(port: int, path: str, key: str, connections: int, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    until = time.monotonic() + seconds
    done = []
    for _ in range(connections):
        over: asyncio.Future[None] = loop.create_future()
        await loop.create_connection(lambda over=over: Reader(path, key, until, over), "127.0.0.1", port)  # type: ignore[misc]
        done.append(over)
    await asyncio.wait(done, timeout=seconds + 60)
    sys.stdout.write(json.dumps(Reader.counts) + "\n")


if __name__ == "__main__":
    uvloop.run(_main(int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]), float(sys.argv[5])))
