"""What hostile and clumsy HTTP clients send, by raw socket, and the one outcome each may have."""

import itertools
import json
import re
import select
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.faults.http_server import BODY_LIMIT, HOST, Client, Running, running

JSON = b"content-type: application/json\r\n"


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running(
        header_timeout=0.4, body_timeout=0.4, keep_alive_timeout=0.4, write_timeout=0.5, max_connections=600
    ) as found:
        yield found


def statuses(answers: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answers)]


def told(answer: bytes) -> Any:
    return json.loads(answer.partition(b"\r\n\r\n")[2])


def get(path: bytes, *headers: bytes, close: bool = True) -> bytes:
    last = b"connection: close\r\n" if close else b""
    return b"GET " + path + b" HTTP/1.1\r\n" + HOST + b"".join(h + b"\r\n" for h in headers) + last + b"\r\n"


def post(path: bytes, body: bytes, *headers: bytes, close: bool = True) -> bytes:
    last = b"connection: close\r\n" if close else b""
    head = b"POST " + path + b" HTTP/1.1\r\n" + HOST + b"".join(h + b"\r\n" for h in headers) + last
    return head + b"content-length: %d\r\n\r\n" % len(body) + body


def chunked(path: bytes, wire: bytes, *headers: bytes) -> bytes:
    head = b"POST " + path + b" HTTP/1.1\r\n" + HOST + b"".join(h + b"\r\n" for h in headers)
    return head + b"transfer-encoding: chunked\r\n\r\n" + wire


SMUGGLED = b"GET /smuggled HTTP/1.1\r\nhost: gateway\r\n\r\n"

REFUSED = {
    # H4
    "length negative": (400, b"POST / HTTP/1.1\r\n" + HOST + b"content-length: -5\r\n\r\nhello"),
    "length signed": (400, b"POST / HTTP/1.1\r\n" + HOST + b"content-length: +5\r\n\r\nhello"),
    "length twice": (400, b"POST / HTTP/1.1\r\n" + HOST + b"content-length: 5\r\ncontent-length: 6\r\n\r\nhello"),
    "length list": (400, b"POST / HTTP/1.1\r\n" + HOST + b"content-length: 5, 5\r\n\r\nhello"),
    "length huge": (400, b"POST / HTTP/1.1\r\n" + HOST + b"content-length: 99999999999999999999999\r\n\r\nhello"),
    # H16
    "CL.TE": (
        400,
        b"POST / HTTP/1.1\r\n" + HOST + b"content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    ),
    "TE.CL": (
        400,
        b"POST / HTTP/1.1\r\n" + HOST + b"transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n0\r\n\r\n" + SMUGGLED,
    ),
    "TE x": (400, b"POST / HTTP/1.1\r\n" + HOST + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n" + SMUGGLED),
    "TE vt": (400, b"POST / HTTP/1.1\r\n" + HOST + b"transfer-encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + SMUGGLED),
    "TE gzip": (400, b"POST / HTTP/1.1\r\n" + HOST + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + SMUGGLED),
    "TE twice in one": (
        400,
        b"POST / HTTP/1.1\r\n" + HOST + b"transfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    ),
    "TE two": (
        400,
        b"POST / HTTP/1.1\r\n"
        + HOST
        + b"transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\n"
        + SMUGGLED,
    ),
    "TE two alike": (
        400,
        b"POST / HTTP/1.1\r\n"
        + HOST
        + b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
        + SMUGGLED,
    ),
    "TE space": (400, b"POST / HTTP/1.1\r\n" + HOST + b"transfer-encoding : chunked\r\n\r\n0\r\n\r\n" + SMUGGLED),
    "TE in 1.0": (400, b"POST / HTTP/1.0\r\n" + HOST + b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED),
    # H17
    "chunk size empty": (400, chunked(b"/", b"\r\nhello\r\n0\r\n\r\n")),
    "chunk size 0x": (400, chunked(b"/", b"0x5\r\nhello\r\n0\r\n\r\n")),
    "chunk size +": (400, chunked(b"/", b"+5\r\nhello\r\n0\r\n\r\n")),
    "chunk size long": (400, chunked(b"/", b"FFFFFFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n")),
    "chunk bare LF": (400, chunked(b"/", b"5\nhello\r\n0\r\n\r\n")),
    "chunk without CRLF": (400, chunked(b"/", b"5\r\nhelloX0\r\n\r\n")),
    "chunk size space": (400, chunked(b"/", b"5 \r\nhello\r\n0\r\n\r\n")),
    "chunk extension": (400, chunked(b"/", b"5;" + b"a" * 1_000_000 + b"\r\nhello\r\n0\r\n\r\n")),
    "trailers large": (400, chunked(b"/", b"5\r\nhello\r\n0\r\n" + b"x-t: " + b"a" * 1_000_000 + b"\r\n\r\n")),
    # H18
    "header bare LF": (400, b"GET / HTTP/1.1\r\n" + HOST + b"x-a: 1\nx-b: 2\r\n\r\n"),
    "header bare CR": (400, b"GET / HTTP/1.1\r\n" + HOST + b"x-a: 1\rx-b: 2\r\n\r\n"),
    "header NUL": (400, b"GET / HTTP/1.1\r\n" + HOST + b"x-a: 1\x002\r\n\r\n"),
    "header obs-fold": (400, b"GET / HTTP/1.1\r\n" + HOST + b"x-a: 1\r\n 2\r\n\r\n"),
    "header space before colon": (400, b"GET / HTTP/1.1\r\n" + HOST + b"x-a : 1\r\n\r\n"),
    "header name empty": (400, b"GET / HTTP/1.1\r\n" + HOST + b": 1\r\n\r\n"),
    "header name foreign": (400, b"GET / HTTP/1.1\r\n" + HOST + b"x-\xc3\xa9: 1\r\n\r\n"),
    "header control": (400, b"GET / HTTP/1.1\r\n" + HOST + b"x-a: 1\x012\r\n\r\n"),
    "lines end in LF": (400, b"GET / HTTP/1.1\nhost: gateway\n\n"),
    # H19
    "headers many": (431, get(b"/", *(b"x-%d: 1" % i for i in range(1_000)))),
    "header large": (431, get(b"/", b"x-a: " + b"a" * 1_000_000)),
    "URL large": (414, get(b"/" + b"a" * 1_000_000)),
    # H24
    "upgrade h2c": (
        426,
        get(b"/", b"connection: upgrade, http2-settings", b"upgrade: h2c", b"http2-settings: AAMAAABk", close=False),
    ),
    "upgrade websocket": (426, get(b"/", b"connection: upgrade", b"upgrade: websocket", close=False)),
    "h2 preface": (400, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "CONNECT": (400, b"CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\n\r\n"),
    "TRACE": (405, b"TRACE / HTTP/1.1\r\n" + HOST + b"\r\n"),
    "PROPFIND": (405, b"PROPFIND / HTTP/1.1\r\n" + HOST + b"\r\n"),
    "method unknown": (400, b"BREW / HTTP/1.1\r\n" + HOST + b"\r\n"),
    "method lower": (400, b"get / HTTP/1.1\r\n" + HOST + b"\r\n"),
    "expectation other": (417, get(b"/", b"expect: miracles")),
    "version 2.0": (505, b"GET / HTTP/2.0\r\n" + HOST + b"\r\n"),
    "version 1.9": (400, b"GET / HTTP/1.9\r\n" + HOST + b"\r\n"),
    "version 0.9": (505, b"GET /\r\n\r\n"),
    # H25
    "target absolute": (400, get(b"http://gateway/v1/models")),
    "target asterisk": (400, b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n"),
    "target fragment": (400, get(b"/a#b")),
    "target foreign": (400, get(b"/caf\xc3\xa9")),
    # H26
    "host absent": (400, b"GET / HTTP/1.1\r\n\r\n"),
    "host twice": (400, b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n"),
    "host empty": (400, b"GET / HTTP/1.1\r\nhost:\r\n\r\n"),
    "host with path": (400, b"GET / HTTP/1.1\r\nhost: a/b\r\n\r\n"),
    "host with user": (400, b"GET / HTTP/1.1\r\nhost: me@a\r\n\r\n"),
    "host list": (400, b"GET / HTTP/1.1\r\nhost: a, b\r\n\r\n"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_and_closed(server: Running, name: str) -> None:
    expected, request = REFUSED[name]
    answer = server.ask(request)
    assert statuses(answer) == [expected], answer[:200]
    assert b"\r\nconnection: close\r\n" in answer
    assert "/smuggled" not in server.seen.calls
    assert b"Traceback" not in answer


PATHS = [
    b"//",
    b"/a//b",
    b"/../a",
    b"/a/..",
    b"/./a",
    b"/%2e%2e/a",
    b"/.%2E/a",
    b"/a%2fb",
    b"/a%5cb",
    b"/a\\b",
    b"/a;x=1",
    b"/a%3bx",
]
PATHS += [b"/a%00", b"/a%0d%0ab", b"/%252e%252e/a", b"/a%ff", b"/a%", b"/a%zz", b"a", b"/%c0%ae%c0%ae/", b"/a%20b/%e2%80%ae"]


@pytest.mark.parametrize("path", PATHS)
def test_ambiguous_path_is_refused(server: Running, path: bytes) -> None:
    assert statuses(server.ask(get(path))) == [400]


@pytest.mark.parametrize(
    ("path", "read"), [(b"/%41dmin", "/Admin"), (b"/a%20b", "/a b"), (b"/a.b/..c", "/a.b/..c"), (b"/a?b=../%2e", "/a")]
)
def test_path_has_one_reading(server: Running, path: bytes, read: str) -> None:
    assert told(server.ask(get(path)))["path"] == read


def test_body_refused_from_its_length_before_it_is_read(server: Running) -> None:  # H2
    with server.connect() as client:
        client.send(b"POST /body HTTP/1.1\r\n" + HOST + JSON + b"content-length: 100000000\r\n\r\n")
        answer = client.until(b"\r\n\r\n")
        sent = 0
        try:
            while sent < 100_000_000:
                client.send(b"x" * 65_536)
                sent += 65_536
        except (ConnectionResetError, BrokenPipeError):
            pass
    assert statuses(answer) == [413]
    assert b"connection: close" in answer
    assert sent < 16_000_000  # what the kernels' buffers took; the server reads 1 MiB and cuts


def test_body_refused_once_it_passes_the_limit(server: Running) -> None:  # H3
    pieces = itertools.repeat(b"4000\r\n" + b"x" * 16_384 + b"\r\n", 6_000)
    with server.connect() as client:
        client.send(chunked(b"/body", b"", JSON.strip()))
        for piece in pieces:
            if select.select([client.sock], [], [], 0)[0]:
                break
            try:
                client.send(piece)
            except (ConnectionResetError, BrokenPipeError):
                break
        answer = client.rest()
    assert statuses(answer) in ([413], [])  # a client that sends on and on without reading may meet the reset first
    assert server.seen.calls[-1] == "/body"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([b"content-type: application/json"], 200),
        ([b'content-type: Application/JSON; charset="UTF-8"'], 200),
        ([], 415),
        ([b"content-type: text/plain"], 415),
        ([b"content-type: application/json; charset=utf-7"], 415),
        ([b"content-type: application/json", b"content-type: application/json"], 415),
        ([b"content-type: application/json", b"content-encoding: gzip"], 415),
        ([b"content-type: application/json", b"content-encoding: identity"], 200),
    ],
)
def test_media_type(server: Running, headers: list[bytes], status: int) -> None:  # H13, H15
    assert statuses(server.ask(post(b"/body", b"{}", *headers))) == [status]


def test_body_as_large_as_the_limit_is_read(server: Running) -> None:
    assert server.ask(post(b"/body", b"x" * BODY_LIMIT, JSON.strip())).endswith(b"%d" % BODY_LIMIT)
    assert statuses(server.ask(post(b"/body", b"x" * (BODY_LIMIT + 1), JSON.strip()))) == [413]


def test_body_shorter_than_its_length_times_out(server: Running) -> None:  # H4, H21
    assert statuses(server.ask(b"POST /echo HTTP/1.1\r\n" + HOST + b"content-length: 9\r\n\r\nhello")) == [408]


def test_body_longer_than_its_length_is_no_second_request(server: Running) -> None:  # H4
    answer = server.ask(b"POST /echo HTTP/1.1\r\n" + HOST + b"content-length: 2\r\n\r\nhello")
    assert statuses(answer) == [200, 400]


def test_early_refusal_is_read_although_the_body_goes_on(server: Running) -> None:
    with server.connect() as client:
        client.send(b"POST /body HTTP/1.1\r\n" + HOST + b"content-length: 90000\r\n\r\n" + b"x" * 50_000)
        assert statuses(client.until(b"\r\n\r\n")) == [415]
        client.send(b"x" * 40_000)
        client.rest()


def test_trailers_are_dropped_and_stay_out_of_the_next_request(server: Running) -> None:  # H17
    wire = b"5\r\nhello\r\n0\r\nauthorization: Bearer x\r\nx-late: 1\r\n\r\n"
    answer = server.ask(chunked(b"/echo", wire) + get(b"/echo"))
    assert statuses(answer) == [200, 200]
    assert b"hello" in answer
    assert b"authorization" not in answer
    assert b"x-late" not in answer


def test_header_with_underscore_is_dropped_never_merged(server: Running) -> None:  # H18
    headers = told(server.ask(get(b"/", b"x_api_key: a", b"x-api-key: b")))["headers"]
    assert ["x-api-key", "b"] in headers
    assert "x_api_key" not in dict(headers)


@pytest.mark.parametrize("start", [b"GET / HTTP/1.1\r\n" + HOST + b"x-long: ", b"GE", b"\r\n" * 5])
def test_slow_headers_time_out(server: Running, start: bytes) -> None:  # H20
    with server.connect() as client:
        client.send(start)
        answer = client.drip(b"T" if start == b"GE" else b"a" * 100 if start[:1] != b"\r" else b"\r\n" * 50, 0.05)
        if answer == b"still open":
            answer = client.rest()
    assert answer == b"" or statuses(answer) == [408]


def test_slow_headers_time_out_on_a_kept_connection(server: Running) -> None:
    with server.connect() as client:
        client.send(get(b"/", close=False))
        client.until(b"}")
        assert statuses(client.drip(b"GET / HTTP/1.1\r\n" + b"x" * 100, 0.05)) == [408]


def test_idle_connections_close(server: Running) -> None:
    with server.connect() as fresh, server.connect() as kept:
        kept.send(get(b"/", close=False))
        assert statuses(kept.rest()) == [200]
        assert fresh.rest() == b""


def rests(clients: Sequence[Client]) -> Iterator[bytes]:
    """What each gets until its end, all read at once: the server does not linger for the last to be asked."""
    with ThreadPoolExecutor(len(clients)) as beside:
        yield from beside.map(Client.rest, clients)


def test_good_client_is_served_amid_slow_ones(server: Running) -> None:  # H20
    slow = [server.connect() for _ in range(500)]
    try:
        for client in slow:
            client.send(b"GET / HTTP/1.1\r\nx")
        assert statuses(server.ask(get(b"/"))) == [200]
        assert all(statuses(answer) == [408] for answer in rests(slow))
    finally:
        for client in slow:
            client.sock.close()


def test_slow_body_times_out(server: Running) -> None:  # H21
    with server.connect() as client:
        client.send(b"POST /echo HTTP/1.1\r\n" + HOST + b"content-length: 1000\r\n\r\n")
        assert statuses(client.drip(b"a" * 1_000, 0.05)) == [408]


def test_expectation_then_silence_times_out(server: Running) -> None:  # H24
    with server.connect() as client:
        client.send(b"POST /echo HTTP/1.1\r\n" + HOST + b"expect: 100-continue\r\ncontent-length: 5\r\n\r\n")
        assert client.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert statuses(client.rest()) == [408]


def test_expectation_is_met(server: Running) -> None:
    with server.connect() as client:
        head = b"POST /echo HTTP/1.1\r\n" + HOST + b"expect: 100-continue\r\nconnection: close\r\ncontent-length: 5\r\n\r\n"
        client.send(head)
        client.until(b"Continue\r\n\r\n")
        client.send(b"hello")
        assert told(client.rest())["body"] == "hello"


def test_refusal_of_a_body_needs_no_continue(server: Running) -> None:
    with server.connect() as client:
        client.send(b"POST /body HTTP/1.1\r\n" + HOST + b"expect: 100-continue\r\ncontent-length: 500000\r\n\r\n")
        assert statuses(client.rest()) == [413]


def test_pipelined_requests_are_answered_in_order(server: Running) -> None:  # H23
    requests = [post(b"/echo/%d" % i, b"%d" % i, close=i == 99) for i in range(100)]
    answers = server.ask(b"".join(requests))
    assert statuses(answers) == [200] * 100
    assert [int(n) for n in re.findall(rb'"path": "/echo/(\d+)"', answers)] == list(range(100))


def test_pipelining_has_a_bound(server: Running) -> None:
    answers = server.ask(get(b"/wait", close=False) + get(b"/echo", close=False) * 1_000)
    assert statuses(answers) == []


def test_fault_behind_a_request_does_not_overtake_its_answer(server: Running) -> None:
    assert statuses(server.ask(get(b"/echo", close=False) + b"GARBAGE\r\n\r\n")) == [200, 400]


def test_nothing_is_served_after_close(server: Running) -> None:
    assert statuses(server.ask(get(b"/echo") + SMUGGLED)) == [200]
    assert "/smuggled" not in server.seen.calls


def test_many_requests_on_one_connection(server: Running) -> None:  # H23
    request = post(b"/body", b"{}", JSON.strip(), close=False)
    with server.connect() as client:
        for _ in range(2_000):
            client.send(request)
            assert client.until(b"\r\n\r\n").startswith(b"HTTP/1.1 200")


def test_http_1_0_gets_a_bare_body_and_a_close(server: Running) -> None:
    answer = server.ask(b"GET /two HTTP/1.0\r\n\r\n")
    assert b"transfer-encoding" not in answer
    assert answer.endswith(b"\r\n\r\nonetwo")


def test_head_has_no_body(server: Running) -> None:
    answer = server.ask(b"HEAD /two HTTP/1.1\r\n" + HOST + b"connection: close\r\n\r\n")
    assert answer.endswith(b"\r\n\r\n")


def test_headers_of_every_answer(server: Running) -> None:
    answer = server.ask(get(b"/"))
    assert b"\r\nserver: sluicegate\r\n" in answer
    assert len(re.findall(rb"\r\ndate: \w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT\r\n", answer)) == 1
    assert b"uvicorn" not in answer


@pytest.mark.parametrize(("path", "expected"), [(b"/break", [500]), (b"/inject", [500])])
def test_broken_app_is_a_plain_error(server: Running, path: bytes, expected: list[int]) -> None:
    answer = server.ask(get(path, close=False))
    assert statuses(answer) == expected
    assert b"ZeroDivision" not in answer
    assert b"x-b" not in answer


def test_answer_cut_short_closes(server: Running) -> None:
    assert server.ask(get(b"/short", close=False)).endswith(b"12345")


@pytest.mark.parametrize("way", ["reset", "close", "half"])
@pytest.mark.parametrize("path", [b"/hang", b"/wait", b"/stream"])
def test_app_learns_at_once_that_the_client_has_gone(server: Running, path: bytes, way: str) -> None:  # H22
    server.seen.begun.clear()
    server.seen.told.clear()
    with server.connect() as client:
        client.send(post(path, b"{}", close=False))
        assert server.seen.begun.wait(5)
        if way == "reset":
            client.reset()
        elif way == "close":
            client.sock.close()
        else:
            client.sock.shutdown(1)
        assert server.seen.told.wait(1)


def test_client_gone_while_its_body_is_read(server: Running) -> None:  # H22
    server.seen.told.clear()
    with server.connect() as client:
        client.send(b"POST /body HTTP/1.1\r\n" + HOST + JSON + b"content-length: 1000\r\n\r\nabc")
    assert server.seen.told.wait(1)


def test_slow_reader_is_held_back_and_then_cut(server: Running) -> None:  # H21
    server.seen.told.clear()
    before = server.seen.sent
    with server.connect(receive_buffer=4_096) as client:
        client.send(get(b"/stream"))
        assert server.seen.told.wait(5)
    assert server.seen.sent - before < 1_000_000


def test_client_that_never_reads_its_whole_answer_is_cut(server: Running) -> None:
    for path in (b"/large", b"/stream"):
        for close in (True, False):
            with server.connect(receive_buffer=4_096) as client:
                client.send(get(path, close=close))
                assert client.hung_up(5)


def test_connections_have_a_bound() -> None:
    with running(max_connections=2) as server, server.connect() as first, server.connect() as second:
        first.send(get(b"/", close=False))
        first.until(b"}")
        second.send(get(b"/", close=False))
        second.until(b"}")
        assert statuses(server.ask(get(b"/"))) == [503]
        first.sock.close()
        second.send(get(b"/", close=False))
        second.until(b"}")
