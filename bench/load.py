"""The load: `wrk` for requests, our own client for streams and for latency at one connection."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import NamedTuple

from bench.systems import ROOT, System, body, cores, post

LUA = """
local serial = 0
local head, tail = [==[{head}]==], [==[{tail}]==]
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
wrk.headers["authorization"] = "Bearer {key}"
request = function()
  serial = serial + 1
  return wrk.format(nil, nil, nil, head .. serial .. tail)
end
done = function(summary)
  local e = summary.errors
  local failed = e.connect + e.read + e.write + e.timeout + e.status
  io.write(string.format("RESULT %d %d %d\\n", summary.requests, summary.duration, failed))
end
"""
"""Each request has a text of its own, so that no cache of judged texts can help."""

LATENCY_REQUESTS = 3_000


class Load(NamedTuple):
    """What one load cost."""

    requests: int
    seconds: float
    cpu: float
    """Seconds of the gateway's CPU."""

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds

    @property
    def cost(self) -> float:
        """Microseconds of CPU per request."""
        return self.cpu / self.requests * 1e6


class Streams(NamedTuple):
    """What streams cost."""

    events: int
    cost: float
    """Microseconds of CPU per event."""
    per_read: float
    """Events that the client got with one read; 1 means singly."""


def prose(size: int) -> str:
    """Text of about `size` bytes with many different words, in which nothing is to be found."""
    words = []
    total = 0
    state = 1
    while total < size:
        state = state * 1_103_515_245 + 12_345 & 0x7FFFFFFF
        word = WORDS[(state >> 8) % len(WORDS)]
        words.append(word + ("." if state % 11 == 0 else ""))
        total += len(words[-1]) + 1
    return " ".join(words)


TEXT = (
    "the gateway of a hospital keeps records about every question and each answer that leaves its network so when "
    "an engineer asks for help with reports plans or letters we read what was written before it goes to any "
    "provider and after it comes back nothing that policy forbids may pass while ordinary work such as summaries "
    "tables code reviews translations and minutes of meetings should flow without delay because people who notice "
    "their tools are people whose tools are slow "
)
WORDS = TEXT.split()


def requests(system: System, directory: Path, *, size: int, connections: int, seconds: int) -> Load:
    """Load `system` with requests of `size` bytes; raises SystemExit if any fails."""
    head, tail = body("SPLIT " + prose(size)).decode().split("SPLIT ")
    script = directory / f"{system.name}-{size}.lua"
    script.write_text(LUA.replace("{head}", head).replace("{tail}", " " + tail).replace("{key}", system.key))
    url = f"http://127.0.0.1:{system.port}/v1/chat/completions"
    command = [
        "taskset",
        "-c",
        cores()[1],
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{seconds}s",
        "--timeout",
        "30s",
        "-s",
        str(script),
        url,
    ]
    before = system.cpu()
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    after = system.cpu()
    result = next(line for line in output.splitlines() if line.startswith("RESULT ")).split()
    count, duration, errors = (int(field) for field in result[1:])
    if errors or not count:
        raise SystemExit(f"{system.name}: {errors} of {count} requests failed\n{output}")
    return Load(count, duration / 1e6, after - before)


def streams(system: System, upstream: int, *, count: int, gap: float, seconds: int) -> Streams:
    """Load `system` with `count` streams at a time, whose events come every `gap` milliseconds."""
    urllib.request.urlopen(f"http://127.0.0.1:{upstream}/gap/{gap}").read()
    command = ["taskset", "-c", cores()[1], sys.executable, str(ROOT / "bench/streams.py")]
    command += [str(system.port), "/v1/chat/completions", system.key, str(count), str(seconds)]
    before = system.cpu()
    counts = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    used = system.cpu() - before
    if counts["errors"] or not counts["streams"]:
        raise SystemExit(f"{system.name}: streams failed: {counts}")
    events = counts["streams"] * 200
    return Streams(events, used / events * 1e6, counts["events"] / counts["reads"])


def latency(port: int, key: str, count: int = LATENCY_REQUESTS) -> tuple[float, float]:
    """Milliseconds at the 50th and 99th percentile, one request after the other on one connection."""
    filler = prose(900)
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {int(cores()[1])})
    times = []
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for serial in range(count + 200):
                request = post(key, body(f"{serial} {filler}"))
                begun = time.perf_counter()
                sock.sendall(request)
                _read_answer(sock)
                times.append(time.perf_counter() - begun)
    finally:
        os.sched_setaffinity(0, own)
    times = sorted(times[200:])
    return times[len(times) // 2] * 1e3, times[len(times) * 99 // 100] * 1e3


def _read_answer(sock: socket.socket) -> None:
    data = b""
    while (end := data.find(b"\r\n\r\n")) < 0:
        data += _piece(sock)
    head = data[:end].lower()
    if not head.startswith(b"http/1.1 200"):
        raise SystemExit(f"a request failed: {data[:300]!r}")
    at = head.find(b"\r\ncontent-length:")
    if at < 0:
        while not data.endswith(b"0\r\n\r\n"):
            data += _piece(sock)
        return
    whole = end + 4 + int(head[at + 17 :].split(b"\r\n", 1)[0])
    while len(data) < whole:
        data += _piece(sock)


def _piece(sock: socket.socket) -> bytes:
    piece = sock.recv(65_536)
    if not piece:
        raise SystemExit("the connection was closed in mid-answer")
    return piece
