"""Serving and stopping, in this process and as a process of its own."""

import asyncio
import signal
import subprocess
import sys
from typing import Any

from sluicegate.settings import Server, Settings
from sluicegate.web.server import serve

GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"


class Slow:
    """Answers when it is let, and knows whether it was cancelled."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.go = asyncio.Event()
        self.cancelled = False

    async def __call__(self, _scope: Any, _receive: Any, send: Any) -> None:
        self.begun.set()
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


async def start(app: Any, **bounds: Any) -> tuple[int, asyncio.Event, "asyncio.Task[None]"]:
    stop = asyncio.Event()
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    task = asyncio.ensure_future(serve(app, Settings(server=Server(port=0, **bounds)), ready=port.set_result, stop=stop))
    return await port, stop, task


async def test_answer_under_way_is_finished() -> None:
    app = Slow()
    port, stop, task = await start(app)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(GET)
    await app.begun.wait()
    stop.set()
    await asyncio.sleep(0)
    app.go.set()
    answer = await reader.read()
    await task
    assert answer.endswith(b"ok")
    assert b"connection: close" in answer
    assert not app.cancelled
    writer.close()


async def test_answer_beyond_the_grace_is_cancelled() -> None:
    app = Slow()
    port, stop, task = await start(app, shutdown_grace=0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(GET)
    await app.begun.wait()
    stop.set()
    await asyncio.wait_for(task, 5)
    assert app.cancelled
    assert (await reader.read()).startswith(b"HTTP/1.1 503 ")
    writer.close()


async def test_idle_connections_do_not_hold_the_server() -> None:
    port, stop, task = await start(Slow())
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    stop.set()
    await asyncio.wait_for(task, 5)
    assert await reader.read() == b""
    writer.close()


PROGRAM = """
import sys
from sluicegate.settings import Server, Settings
from sluicegate.web.server import run, serve

async def app(scope, receive, send):
    pass

run(serve(app, Settings(server=Server(port=0)), ready=lambda port: print(port, flush=True)))
"""


def test_terminated_process_exits_with_zero() -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert int(process.stdout.readline()) > 0
            process.send_signal(number)
            assert process.wait(10) == 0
