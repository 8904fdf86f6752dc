"""One request and its answer over a recorded transport. The wire behaviour is in tests/faults/test_http_hazards.py."""

import asyncio
from typing import Any, cast

import pytest

from sluicegate.web.cycle import EXTENSION, Cycle, when_gone


class Wire:
    """Stands where the connection is: records what is written."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.transport = self
        self.flow = self
        self.write_paused = False
        self.written: list[bytes] = []
        self.answered_with: Cycle | None = None
        self.resumed = 0

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def resume_reading(self) -> None:
        self.resumed += 1

    def default_head(self) -> bytes:
        return b"date: now\r\n"

    def answered(self, cycle: Cycle) -> None:
        self.answered_with = cycle


def cycle(
    method: bytes = b"POST", version: str = "1.1", *, whole: bool = True, keep_alive: bool = True, expect: bool = False
) -> tuple[Cycle, Wire]:
    wire = Wire()
    made = Cycle(cast(Any, wire), method, version, keep_alive=keep_alive, expect=expect)
    if whole:
        made.feed_end()
    return made, wire


async def respond(made: Cycle, *bodies: bytes, status: int = 200, headers: Any = ()) -> None:
    await made.send({"type": "http.response.start", "status": status, "headers": headers})
    for index, body in enumerate(bodies):
        await made.send({"type": "http.response.body", "body": body, "more_body": index + 1 < len(bodies)})


async def test_head_leaves_with_the_first_piece() -> None:
    made, wire = cycle()
    await respond(made, b"ok", headers=[(b"content-length", b"2")])
    assert wire.written == [b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ndate: now\r\n\r\nok"]
    assert wire.answered_with is made


async def test_unknown_length_is_chunked() -> None:
    made, wire = cycle()
    await respond(made, b"one", b"", b"three")
    wire_text = b"".join(wire.written)
    assert wire_text.endswith(b"\r\n\r\n3\r\none\r\n5\r\nthree\r\n0\r\n\r\n")
    assert b"transfer-encoding: chunked\r\n" in wire_text


async def test_old_version_ends_with_the_connection() -> None:
    made, wire = cycle(version="1.0")
    await respond(made, b"one", b"two")
    assert b"".join(wire.written).endswith(b"connection: close\r\ndate: now\r\n\r\nonetwo")
    assert not made.keep_alive
    assert not made.delimited


@pytest.mark.parametrize(("method", "status"), [(b"HEAD", 200), (b"GET", 204), (b"GET", 304)])
async def test_no_body(method: bytes, status: int) -> None:
    made, wire = cycle(method)
    await respond(made, b"ignored", status=status)
    assert b"".join(wire.written).endswith(b"date: now\r\n\r\n")


async def test_answer_before_the_body_is_read_closes() -> None:
    made, wire = cycle(whole=False)
    await respond(made, b"")
    assert b"connection: close\r\n" in wire.written[0]


async def test_app_may_close() -> None:
    made, wire = cycle()
    await respond(made, b"", headers=[(b"connection", b"Close")])
    assert not made.keep_alive
    assert wire.written[0].count(b"connection: ") == 1


@pytest.mark.parametrize("header", [(b"x-a", b"1\r\nx-b: 2"), (b"x-a\r\nx-b", b"1"), (b"x-a", b"1\n2"), (b"x-a", b"\0")])
async def test_header_cannot_split_the_answer(header: tuple[bytes, bytes]) -> None:
    made, wire = cycle()
    with pytest.raises(RuntimeError, match="CR, LF or NUL"):
        await respond(made, b"", headers=[header])
    assert wire.written == []


@pytest.mark.parametrize("bodies", [[b"12345", b"6"], [b"123", b""]])
async def test_length_must_be_true(bodies: list[bytes]) -> None:
    made, _ = cycle()
    with pytest.raises(RuntimeError, match="Content-Length"):
        await respond(made, *bodies, headers=[(b"content-length", b"5")])


async def test_messages_out_of_order() -> None:
    made, _ = cycle()
    with pytest.raises(RuntimeError):
        await made.send({"type": "http.response.body", "body": b""})
    await respond(made, b"")
    with pytest.raises(RuntimeError):
        await made.send({"type": "http.response.body", "body": b""})


async def test_receive_gives_the_body_then_waits_for_the_end() -> None:
    made, wire = cycle(whole=False)
    made.feed(b"a")
    made.feed(b"b")
    assert await made.receive() == {"type": "http.request", "body": b"ab", "more_body": True}
    waiting = asyncio.ensure_future(made.receive())
    await asyncio.sleep(0)
    assert wire.resumed == 1
    made.feed_end()
    assert await waiting == {"type": "http.request", "body": b"", "more_body": False}
    gone = asyncio.ensure_future(made.receive())
    await asyncio.sleep(0)
    made.lose()
    assert await gone == {"type": "http.disconnect"}


async def test_large_body_pauses_reading() -> None:
    made, _ = cycle(whole=False)
    assert not made.feed(b"x" * 65_536)
    assert made.feed(b"x")
    await made.receive()
    assert not made.feed(b"x")


async def test_continue_is_said_once_and_only_if_the_body_is_wanted() -> None:
    made, wire = cycle(whole=False, expect=True)
    made.feed_end()
    await made.receive()
    assert wire.written == [b"HTTP/1.1 100 Continue\r\n\r\n"]


async def test_when_gone_calls_once() -> None:
    made, wire = cycle()
    calls: list[int] = []
    scope = {"extensions": {EXTENSION: made}}
    when_gone(scope, lambda: calls.append(1))
    made.lose()
    made.lose()
    assert calls == [1]
    when_gone(scope, lambda: calls.append(2))
    assert calls == [1, 2]
    await respond(made, b"nobody reads this")
    assert wire.written == []
    when_gone({}, lambda: calls.append(3))
    assert calls == [1, 2]


async def test_gone_after_the_answer_is_nobodys_business() -> None:
    made, _ = cycle()
    calls: list[int] = []
    when_gone({"extensions": {EXTENSION: made}}, lambda: calls.append(1))
    await respond(made, b"")
    made.lose()
    assert calls == []
