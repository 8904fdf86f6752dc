"""A scripted provider over a real socket, for tests: HTTP/1.1, both dialects, every kind of misbehaviour.

    async with Upstream() as upstream:
        upstream.script(chat_answer("hello"), Reply(status=500), chat_stream(["he", "llo"], reset_after=2))
        …                                  # call upstream.base_url (OpenAI: add /v1)
        assert upstream.hits == 3 and upstream.requests[0].json()["model"] == "m"

Replies are used in order; the last one stays for every further request. Without a script each request gets a plausible
answer in the dialect of its path, streamed if it asks for that. `python -m tests.support.upstream --port 0 --log FILE`
serves those, prints its port, and appends the `x-sluicegate-exchange` header of every call to FILE before it answers.
"""

import argparse
import asyncio
import json
import os
import socket
import struct
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tests.support import gemini, responses


@dataclass(frozen=True)
class Request:
    """A request as it arrived. Header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    connection: int
    """Which connection it came on, counted from 0."""

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """What one request gets. Either `raw` alone, or an HTTP response of `body`, or of `pieces` as chunks."""

    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    pieces: Sequence[bytes] | None = None
    """Sent one by one, each in a chunk and a packet of its own."""
    raw: bytes | None = None
    """Sent as it is, instead of HTTP; then the connection is closed unless `hang`."""
    gate: asyncio.Event | None = None
    """Waited for before the head."""
    gates: Mapping[int, asyncio.Event] = field(default_factory=dict)
    """Waited for before the piece of that index (its length: before the end)."""
    reset_after: int | None = None
    """After so many pieces the connection is reset (RST)."""
    close_after: int | None = None
    """After so many pieces the connection is closed (FIN) without an end of the chunks."""
    hang: bool = False
    """After what is to be sent, nothing more comes, and the connection stays open until the client closes it."""
    then: bytes = b""
    """Sent after the end of the response: bytes nobody asked for."""
    until_close: bool = False
    """The body has no length: the end of the connection ends it."""
    drop: bool = False
    """The connection is closed after the response, though the response does not say so."""


def json_reply(document: Any, status: int = 200, **options: Any) -> Reply:
    return Reply(status=status, body=json.dumps(document).encode(), **options)


def sse_reply(events: Sequence[bytes], **options: Any) -> Reply:
    """Each event, with its terminator, in a chunk of its own."""
    return Reply(content_type="text/event-stream", pieces=tuple(events), **options)


def chat_answer(text: str = "hello", *, prompt: int = 7, completion: int = 5, **message: Any) -> Reply:
    """An OpenAI chat completion; `message` adds fields such as `tool_calls`."""
    finish = "tool_calls" if message.get("tool_calls") else "stop"
    choice = {"index": 0, "message": {"role": "assistant", "content": text, **message}, "finish_reason": finish}
    usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return json_reply(_chat("chat.completion") | {"choices": [choice], "usage": usage})


def chat_events(texts: Sequence[str], *, usage: bool = True) -> list[bytes]:
    """The events of an OpenAI stream: the role, each text, the finish, the usage if asked, `[DONE]`."""
    deltas: list[tuple[dict[str, Any], str | None]] = [({"role": "assistant", "content": ""}, None)]
    deltas += [({"content": text}, None) for text in texts]
    deltas.append(({}, "stop"))
    documents: list[dict[str, Any]] = [
        _chat("chat.completion.chunk") | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
        for delta, finish in deltas
    ]
    if usage:
        counted = {"prompt_tokens": 7, "completion_tokens": len(texts), "total_tokens": 7 + len(texts)}
        documents.append(_chat("chat.completion.chunk") | {"choices": [], "usage": counted})
    return [*(b"data: %b\n\n" % _compact(document) for document in documents), b"data: [DONE]\n\n"]


def chat_stream(texts: Sequence[str], *, usage: bool = True, **options: Any) -> Reply:
    return sse_reply(chat_events(texts, usage=usage), **options)


def messages_answer(text: str = "hello", *, input_tokens: int = 7, output_tokens: int = 5) -> Reply:
    """An Anthropic message."""
    usage = {"input_tokens": input_tokens, "output_tokens": output_tokens}
    content = [{"type": "text", "text": text}]
    return json_reply(_message() | {"content": content, "stop_reason": "end_turn", "stop_sequence": None, "usage": usage})


def messages_events(texts: Sequence[str]) -> list[bytes]:
    """The events of an Anthropic stream with one text block."""
    start = _message() | {"content": [], "stop_reason": None, "usage": {"input_tokens": 7, "output_tokens": 1}}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}} for text in texts),
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": len(texts)},
        },
        {"type": "message_stop"},
    ]
    return [b"event: %b\ndata: %b\n\n" % (event["type"].encode(), _compact(event)) for event in events]


def messages_stream(texts: Sequence[str], **options: Any) -> Reply:
    return sse_reply(messages_events(texts), **options)


def responses_answer(text: str = "hello", *items: responses.Item, **more: Any) -> Reply:
    """An OpenAI response with one message, or with these items."""
    return json_reply(responses.response(items or [responses.message(text)], **more))


def responses_stream(texts: Sequence[str], *items: responses.Item, **options: Any) -> Reply:
    """The events of an OpenAI response with one message that comes in these pieces, or with these items."""
    text = "".join(texts)
    said = responses.events(items or [responses.message(text)], width=max(1, len(text)))
    deltas = [event for event in said if event["type"] == "response.output_text.delta"]
    if not items and deltas:
        at = said.index(deltas[0])
        said[at : at + 1] = [{**deltas[0], "delta": piece} for piece in texts]
    return sse_reply(responses.framed(said), **options)


def gemini_answer(*parts: gemini.Json | str, **more: Any) -> Reply:
    """A Gemini answer of these parts; a string is a text."""
    return json_reply(gemini.answer(*parts, **more))


def gemini_stream(*parts: gemini.Json | str, **options: Any) -> Reply:
    """The events of a Gemini answer, one for each part."""
    return sse_reply(gemini.framed(gemini.stream(*parts)), **options)


def plausible(request: Request) -> Reply:
    """What a request gets without a script."""
    if ":streamGenerateContent" in request.path:
        return gemini_stream("hel", "lo")
    if request.path.endswith(":generateContent"):
        return gemini_answer("hello")
    if request.path.endswith("/api/tags"):
        return json_reply({"models": []})
    try:
        streamed = bool(request.json().get("stream"))
    except (ValueError, AttributeError):
        return json_reply({"error": {"message": "no JSON object", "type": "invalid_request_error"}}, 400)
    if request.path.endswith("/messages"):
        return messages_stream(["hel", "lo"]) if streamed else messages_answer()
    if request.path.endswith("/responses"):
        return responses_stream(["hel", "lo"]) if streamed else responses_answer()
    if request.path.endswith("/chat/completions"):
        return chat_stream(["hel", "lo"]) if streamed else chat_answer()
    return json_reply({"error": {"message": "no such path", "type": "not_found"}}, 404)


class Upstream:
    """The server. `hits` counts requests whose head and body arrived; `requests` keeps them; `open` counts connections."""

    def __init__(self, *, port: int = 0, log: str | None = None, ssl: Any = None) -> None:
        self._wanted = port
        self._log = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600) if log else None
        self._ssl = ssl
        self._replies: list[Reply] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.requests: list[Request] = []
        self.keep_requests = True
        self.hits = 0
        self.connections = 0
        """How many were ever made."""
        self.open = 0
        self.arrived = asyncio.Event()
        """Set with each request; clear it to wait for the next."""
        self.left = asyncio.Event()
        """Set when a connection ends; clear it to wait for the next."""

    async def __aenter__(self) -> "Upstream":
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self._wanted, ssl=self._ssl, limit=2**26)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._server.wait_closed()
        if self._log is not None:
            os.close(self._log)

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def base_url(self) -> str:
        """Without a path."""
        return f"http{'s' if self._ssl else ''}://127.0.0.1:{self.port}"

    def script(self, *replies: Reply) -> None:
        """The replies to the next requests, in place of what was left of the last script."""
        self._replies = list(replies)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        number, self.connections, self.open = self.connections, self.connections + 1, self.open + 1
        try:
            while (request := await _read(reader, number)) is not None:
                self._note(request)
                if not await self._answer(self._next(request), reader, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()
            self.open -= 1
            self._tasks.discard(task)
            self.left.set()

    def _note(self, request: Request) -> None:
        if self._log is not None:
            os.write(self._log, request.headers.get("x-sluicegate-exchange", "-").encode() + b"\n")
        self.hits += 1
        if self.keep_requests:
            self.requests.append(request)
        self.arrived.set()

    def _next(self, request: Request) -> Reply:
        if not self._replies:
            return plausible(request)
        return self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]

    async def _answer(self, reply: Reply, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Send `reply`; whether the connection goes on."""
        if reply.gate is not None:
            await _unless_gone(reply.gate, reader)
        if reply.raw is not None:
            writer.write(reply.raw)
            await writer.drain()
        else:
            writer.write(_head(reply) + (b"" if reply.pieces is not None else reply.body))
            await writer.drain()
            if not await self._send_pieces(reply, reader, writer):
                return False
            writer.write((b"0\r\n\r\n" if reply.pieces is not None and not reply.until_close else b"") + reply.then)
            await writer.drain()
        if reply.hang:
            await reader.read()
            return False
        if reply.raw is not None or reply.until_close or reply.drop:
            writer.close()
            await writer.wait_closed()
            return False
        return True

    async def _send_pieces(self, reply: Reply, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Send the pieces; False if the connection was ended on purpose, or is to hang."""
        pieces = reply.pieces or ()
        for index in range(len(pieces) + 1):
            if index in reply.gates:
                await _unless_gone(reply.gates[index], reader)
            if reply.reset_after == index:
                _reset(writer)
                return False
            if reply.close_after == index:
                writer.close()
                await writer.wait_closed()
                return False
            if index < len(pieces):
                piece = pieces[index]
                writer.write(piece if reply.until_close else b"%x\r\n%b\r\n" % (len(piece), piece))
                await writer.drain()
                await asyncio.sleep(0)
        if reply.hang:
            await reader.read()
            return False
        return True


def cut(reply: Reply, size: int) -> Reply:
    """`reply` with its pieces cut again, every `size` bytes."""
    whole = b"".join(reply.pieces or (reply.body,))
    return replace(reply, body=b"", pieces=tuple(whole[at : at + size] for at in range(0, len(whole), size)))


def _chat(kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "object": kind, "created": 1_700_000_000, "model": "upstream-model"}


def _message() -> dict[str, Any]:
    return {"id": "msg_1", "type": "message", "role": "assistant", "model": "upstream-model"}


def _compact(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _head(reply: Reply) -> bytes:
    lines = [f"HTTP/1.1 {reply.status} Scripted", f"Content-Type: {reply.content_type}"]
    lines += [f"{name}: {value}" for name, value in reply.headers.items()]
    if reply.until_close:
        lines.append("Connection: close")
    elif reply.pieces is not None:
        lines.append("Transfer-Encoding: chunked")
    elif reply.status not in (204, 304):
        lines.append(f"Content-Length: {len(reply.body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


async def _read(reader: asyncio.StreamReader, connection: int) -> Request | None:
    """The next request; None if the client closed."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")[:-2]
    method, path, _ = first.split(" ")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, path, headers, body, connection)


async def _unless_gone(gate: asyncio.Event, reader: asyncio.StreamReader) -> None:
    """Wait for `gate`, and leave with ConnectionError as soon as the client is gone."""
    opened = asyncio.ensure_future(gate.wait())
    gone = asyncio.ensure_future(reader.read(1))
    try:
        await asyncio.wait((opened, gone), return_when=asyncio.FIRST_COMPLETED)
        if not opened.done():
            raise ConnectionError
    finally:
        opened.cancel()
        gone.cancel()
        await asyncio.wait((opened, gone))


def _reset(writer: asyncio.StreamWriter) -> None:
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _serve(port: int, log: str | None) -> None:
    async with Upstream(port=port, log=log) as upstream:
        upstream.keep_requests = False
        sys.stdout.write(f"{upstream.port}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A scripted provider for tests.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--log")
    given = parser.parse_args()
    asyncio.run(_serve(given.port, given.log))
