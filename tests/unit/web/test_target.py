"""One reading of a request target and of a Host header."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.web.target import good_host, split_target


@pytest.mark.parametrize(
    ("target", "parts"),
    [
        (b"/", ("/", b"/", b"")),
        (b"/v1/chat/completions", ("/v1/chat/completions", b"/v1/chat/completions", b"")),
        (b"/v1beta/models/gemini-pro:generateContent?alt=sse", ("/v1beta/models/gemini-pro:generateContent",)),
        (b"/a%20b?x=%2F?y", ("/a b", b"/a%20b", b"x=%2F?y")),
        (b"/%C3%A9/", ("/é/", b"/%C3%A9/", b"")),
        (b"/v1/models/meta%2Fllama:7b", ("/v1/models/meta/llama:7b", b"/v1/models/meta%2Fllama:7b")),
        (b"/..a/.b", ("/..a/.b", b"/..a/.b", b"")),
    ],
)
def test_read(target: bytes, parts: tuple[object, ...]) -> None:
    read = split_target(target)
    assert read is not None
    assert read[: len(parts)] == parts


@pytest.mark.parametrize(
    "target",
    [
        *(b"", b"*", b"a", b"http://a/", b"//", b"/a//b", b"/..", b"/a/./b", b"/%2e%2e", b"/a%2fb", b"/a;b"),
        *(b"/models%2fa", b"/models/a%2f", b"/models/%2fa", b"/models/a%2f%2fb", b"/models/a%2f..%2fb", b"/models/a%2f%2e"),
        *(b"/models/a/b%2fc", b"/models/a%252fb", b"/models/a%5cb"),
    ],
)
def test_refused(target: bytes) -> None:
    assert split_target(target) is None


@given(st.binary(max_size=30))
def test_what_is_read_is_normal(tail: bytes) -> None:
    read = split_target(b"/" + tail)
    if read is not None:
        path, raw, query = read
        assert b"/" + tail == raw + (b"?" + query if b"?" in tail else b"")
        segments = path.split("/")
        assert all(segments[1:-1])
        assert not {".", ".."} & set(segments)
        assert path.isprintable()
        assert not set(path) & set("\\;%")
        assert path.count("/") == raw.count(b"/") or b"/models/" in raw


@pytest.mark.parametrize("host", [b"gateway", b"gateway:8080", b"my_gateway.internal", b"127.0.0.1:1", b"[::1]:80"])
def test_good_host(host: bytes) -> None:
    assert good_host(host)


@pytest.mark.parametrize(
    "host", [b"", b"a b", b"a/b", b"a@b", b"a,b", b"a:", b"a:b", b"[a", b"a\x00", b"a" * 300, b"caf\xc3\xa9"]
)
def test_bad_host(host: bytes) -> None:
    assert not good_host(host)
