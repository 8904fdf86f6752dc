"""A real server in a thread of its own, with an app that tells what reached it, and a raw socket client."""

import asyncio
import json
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sluicegate.core.errors import ClientGone, InvalidRequest
from sluicegate.settings import Server, Settings
from sluicegate.web.body import read_body
from sluicegate.web.cycle import EXTENSION
from sluicegate.web.server import run, serve

BODY_LIMIT = 100_000
HOST = b"host: gateway\r\n"


@dataclass
class Seen:
    """What the app saw."""

    calls: list[str] = field(default_factory=list)
    told: threading.Event = field(default_factory=threading.Event)
    """Set when the app learnt that its client had gone."""
    begun: threading.Event = field(default_factory=threading.Event)
    sent: int = 0


class Echo:
    """The app under the server."""

    def __init__(self, seen: Seen) -> None:
        self.seen = seen

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.seen.calls.append(scope["path"])
        route = getattr(self, "do" + scope["path"].replace("/", "_"), self.do_echo)
        await route(scope, receive, send)

    async def do_echo(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        more = True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                self.seen.told.set()
                return
            body += message["body"]
            more = message["more_body"]
        headers = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]]
        told = {"method": scope["method"], "path": scope["path"], "headers": headers, "body": body.decode("latin-1")}
        await answer(send, 200, json.dumps(told).encode())

    async def do_body(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            body = await read_body(scope, receive, BODY_LIMIT)
        except InvalidRequest as error:
            await answer(send, error.status, error.message.encode())
        except ClientGone:
            self.seen.told.set()
        else:
            await answer(send, 200, b"%d" % len(body))

    async def do_stream(self, scope: Any, receive: Any, send: Any) -> None:
        """Streams without an end; learns of the client's going by its task being cancelled."""
        scope["extensions"][EXTENSION].cancel_when_gone()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        try:
            while True:
                await send({"type": "http.response.body", "body": b"x" * 16_384, "more_body": True})
                self.seen.sent += 16_384
                self.seen.begun.set()
                await asyncio.sleep(0)
        finally:
            self.seen.told.set()

    async def do_hang(self, scope: Any, receive: Any, send: Any) -> None:
        """Never answers, and does not read."""
        scope["extensions"][EXTENSION].cancel_when_gone()
        self.seen.begun.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.seen.told.set()

    async def do_wait(self, scope: Any, receive: Any, send: Any) -> None:
        """Never answers, and learns of the client's going from `receive`."""
        while (await receive())["type"] == "http.request":
            self.seen.begun.set()
        self.seen.told.set()

    async def do_break(self, scope: Any, receive: Any, send: Any) -> None:
        raise ZeroDivisionError

    async def do_inject(self, scope: Any, receive: Any, send: Any) -> None:
        await answer(send, 200, b"", [(b"x-a", b"1\r\nx-b: 2")])

    async def do_short(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"10")]})
        await send({"type": "http.response.body", "body": b"12345", "more_body": True})

    async def do_two(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"one", "more_body": True})
        await send({"type": "http.response.body", "body": b"two", "more_body": False})

    async def do_large(self, scope: Any, receive: Any, send: Any) -> None:
        await answer(send, 200, b"y" * 8_000_000)


async def answer(send: Any, status: int, body: bytes, headers: Any = ()) -> None:
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [length, *headers]})
    await send({"type": "http.response.body", "body": body})


@dataclass
class Running:
    """A server, what its app saw, and how to stop it."""

    port: int
    seen: Seen
    stop: Any
    thread: threading.Thread

    def connect(self, **options: Any) -> "Client":
        return Client(self.port, **options)

    def ask(self, request: bytes) -> bytes:
        """Send `request`, and return everything until the server closes."""
        with self.connect() as client:
            client.send(request)
            return client.rest()


class Client:
    """A raw socket."""

    def __init__(self, port: int, *, receive_buffer: int = 0) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.sock.settimeout(10)
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.connect(("127.0.0.1", port))

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def reset(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.sock.close()

    def rest(self) -> bytes:
        data = b""
        try:
            while piece := self.sock.recv(1 << 20):
                data += piece
        except ConnectionResetError:
            pass
        return data

    def until(self, mark: bytes) -> bytes:
        data = b""
        while mark not in data:
            piece = self.sock.recv(65_536)
            assert piece, f"closed after {data!r}"
            data += piece
        return data

    def hung_up(self, seconds: float) -> bool:
        """Whether the server cuts the connection within `seconds`, while nothing is read."""
        poller = select.poll()
        poller.register(self.sock, 0)  # hanging up is always reported
        return bool(poller.poll(seconds * 1_000))

    def drip(self, data: bytes, every: float) -> bytes:
        """Send a byte at a time, `every` so many seconds, while the server listens; return what it says."""
        self.sock.settimeout(every)
        for byte in data:
            try:
                self.sock.sendall(bytes([byte]))
                if heard := self.sock.recv(65_536):
                    self.sock.settimeout(10)
                    return heard + self.rest()
                return b""
            except TimeoutError:
                continue
            except (ConnectionResetError, BrokenPipeError):
                return b""
        self.sock.settimeout(10)
        return b"still open"


@contextmanager
def running(**bounds: Any) -> Iterator[Running]:
    """A server with `bounds` as its settings."""
    settings = Settings(server=Server(port=0, **bounds))
    found: dict[str, Any] = {}
    up = threading.Event()

    async def main() -> None:
        found["seen"] = Seen()
        found["loop"], found["stop"] = asyncio.get_running_loop(), asyncio.Event()

        def ready(port: int) -> None:
            found["port"] = port
            up.set()

        await serve(Echo(found["seen"]), settings, ready=ready, stop=found["stop"])

    thread = threading.Thread(target=lambda: run(main()))
    thread.start()
    assert up.wait(10)

    def stop() -> None:
        if thread.is_alive():
            found["loop"].call_soon_threadsafe(found["stop"].set)

    server = Running(found["port"], found["seen"], stop, thread)
    try:
        yield server
    finally:
        stop()
        thread.join(20)
        assert not thread.is_alive()
