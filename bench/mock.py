"""A mock provider, written to cost the load generator's core as little as possible: raw asyncio on uvloop, no framework.

`python bench/mock.py PORT` answers `POST …/chat/completions` (OpenAI) and `POST …/messages` (Anthropic), whole or streamed.
A stream is 200 content events, each its own write with a pause before the next, so that they arrive singly. `GET /gap/2.5`
sets that pause (milliseconds), `GET /count` tells how many calls there were.
"""

import asyncio
import json
import sys
from typing import Any

import uvloop

EVENTS = 200
TEXT = "The gateway stands between every application, person and agent, and every model it may reach."
WORDS = TEXT.split()


def _chat_chunk(delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    chunk = {"id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 1, "model": "bench", "choices": [choice]}
    return b"data: %b\n\n" % json.dumps(chunk).encode()


def _message_event(name: str, **fields: object) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), json.dumps({"type": name, **fields}).encode())


def chat_whole() -> bytes:
    """About 600 bytes of chat completion."""
    message = {"role": "assistant", "content": " ".join(WORDS * 3)[:330]}
    return json.dumps(
        {
            "id": "chatcmpl-bench",
            "object": "chat.completion",
            "created": 1,
            "model": "bench",
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 200, "completion_tokens": 60, "total_tokens": 260},
        }
    ).encode()


def message_whole() -> bytes:
    """About 600 bytes of Anthropic message."""
    return json.dumps(
        {
            "id": "msg_bench",
            "type": "message",
            "role": "assistant",
            "model": "bench",
            "content": [{"type": "text", "text": " ".join(WORDS * 4)[:400]}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 200, "output_tokens": 60},
        }
    ).encode()


def chat_events() -> list[bytes]:
    """The pieces of a chat stream: role, 200 content events, the end with usage."""
    usage = {"prompt_tokens": 200, "completion_tokens": EVENTS, "total_tokens": 200 + EVENTS}
    tail = {
        "id": "chatcmpl-bench",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "bench",
        "choices": [],
        "usage": usage,
    }
    end = _chat_chunk({}, "stop") + b"data: %b\n\ndata: [DONE]\n\n" % json.dumps(tail).encode()
    words = [_chat_chunk({"content": WORDS[i % len(WORDS)] + " "}) for i in range(EVENTS)]
    return [_chat_chunk({"role": "assistant", "content": ""}) + words[0], *words[1:], end]


def message_events() -> list[bytes]:
    """The pieces of a message stream."""
    start: dict[str, Any] = {"id": "msg_bench", "type": "message", "role": "assistant", "model": "bench", "content": []}
    start["stop_reason"] = None
    start["usage"] = {"input_tokens": 200, "output_tokens": 1}
    first = _message_event("message_start", message=start)
    first += _message_event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    words = [
        _message_event("content_block_delta", index=0, delta={"type": "text_delta", "text": WORDS[i % len(WORDS)] + " "})
        for i in range(EVENTS)
    ]
    end = _message_event("content_block_stop", index=0)
    end += _message_event(
        "message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage={"output_tokens": EVENTS}
    )
    return [first + words[0], *words[1:], end + _message_event("message_stop")]


def _answer(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def _chunks(pieces: list[bytes]) -> list[bytes]:
    framed = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces]
    return [STREAM_HEAD + framed[0], *framed[1:-1], framed[-1] + b"0\r\n\r\n"]


class Provider(asyncio.Protocol):
    """One connection."""

    whole = {True: _answer(chat_whole()), False: _answer(message_whole())}
    events = {True: _chunks(chat_events()), False: _chunks(message_events())}
    gap = 0.002
    calls = 0

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._data = bytearray()
        self._end = 0
        self._length = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; uvloop sets TCP_NODELAY."""
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Answer each whole request."""
        self._data += data
        while True:
            if not self._end:
                at = self._data.find(b"\r\n\r\n")
                if at < 0:
                    return
                self._end = at + 4
                self._length = _content_length(bytes(self._data[:at]).lower())
            if len(self._data) < self._end + self._length:
                return
            request = bytes(self._data[: self._end + self._length])
            del self._data[: self._end + self._length]
            self._end = 0
            self._respond(request)

    def _respond(self, request: bytes) -> None:
        line = request[: request.find(b"\r\n")]
        if line.startswith(b"GET /gap/"):
            Provider.gap = float(line.split()[1][5:]) / 1_000
            self._transport.write(_answer(b"{}"))
            return
        if line.startswith(b"GET"):
            self._transport.write(_answer(b'{"calls":%d}' % Provider.calls))
            return
        Provider.calls += 1
        chat = b"/messages" not in line
        if b'"stream":true' in request or b'"stream": true' in request:
            self._push(self.events[chat], 0)
        else:
            self._transport.write(self.whole[chat])

    def _push(self, pieces: list[bytes], at: int) -> None:
        if self._transport.is_closing():
            return
        self._transport.write(pieces[at])
        if at + 1 < len(pieces):
            self._loop.call_later(Provider.gap, self._push, pieces, at + 1)


def _content_length(head: bytes) -> int:
    at = head.find(b"\r\ncontent-length:")
    return int(head[at + 17 :].split(b"\r\n", 1)[0]) if at >= 0 else 0


async def _main(port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Provider(loop), "127.0.0.1", port)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_main(int(sys.argv[1])))
