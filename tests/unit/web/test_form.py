"""Forms: what is read is what was sent, and what nobody changed leaves byte for byte."""

from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.core.decision import Reason
from sluicegate.core.errors import InvalidRequest
from sluicegate.web.form import Bounds, Form

BOUNDS = Bounds(8, 256)
TYPE = b"multipart/form-data; boundary=x"


def part(value: bytes, name: str = "a", more: str = "") -> bytes:
    return b'--x\r\nContent-Disposition: form-data; name="%b"%b\r\n\r\n%b\r\n' % (name.encode(), more.encode(), value)


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--x--\r\n"


WHOLE = form(
    part(b"whisper-1", "model"),
    part(b"RIFF\r\n--y\r\n\xff", "file", '; filename="a b.wav"\r\nContent-Type: audio/wav'),
    part(b"word", "t[]"),
    part(b"segment", "t[]"),
)


def read(body: bytes) -> tuple[Form, dict[str, Any]]:
    found = Form(TYPE, BOUNDS)
    return found, found.read(body)


def test_a_form_as_a_document() -> None:
    found, document = read(WHOLE)
    assert document["model"] == "whisper-1"
    assert document["t[]"] == ["word", "segment"]
    assert document["file"] == {"filename": "a b.wav", "media_type": "audio/wav", "data": "UklGRg0KLS15DQr/"}
    assert found.write(document) == WHOLE


def test_what_changes_changes_alone() -> None:
    found, document = read(WHOLE)
    assert found.write({**document, "model": "other"}) == WHOLE.replace(b"whisper-1", b"other")
    assert found.write({**document, "new": "n"}) == WHOLE.removesuffix(b"--x--\r\n") + form(part(b"n", "new"))
    del document["t[]"]
    document["file"]["data"] = "UklGRg=="
    document["file"] |= {"filename": 'a"b', "media_type": "[SECRET]"}
    _, again = read(found.write(document))
    assert again == {**document, "file": {**document["file"], "media_type": "application/octet-stream"}}


@given(st.dictionaries(st.from_regex(r"[a-z]{1,9}", fullmatch=True), st.text(), max_size=5), st.binary(max_size=99))
def test_what_httpx_writes_is_read(fields: dict[str, str], content: bytes) -> None:
    files = {"file": ('a"b.wav', content, "audio/wav")}
    request = httpx.Request("POST", "http://h", data=fields, files=files)
    body = request.read()
    found = Form(request.headers["content-type"].encode(), BOUNDS)
    document = found.read(body)
    assert {name: document[name] for name in fields if name != "file"} == {n: v for n, v in fields.items() if n != "file"}
    assert found.write(document) == body


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"--x--\r\n"[:4], b"preamble\r\n" + WHOLE, WHOLE + b"epilogue", WHOLE[:-4], b"--y--\r\n"),
        form(part(b"1"), part(b"2")),
        form(*[part(b"1", f"n{i}") for i in range(9)]),
        form(part(b"1", more="\r\nX-Other: 1")),
        form(part(b"1", more="; filename*=utf-8''a")),
        form(part(b"1", 'a\\"b')),
        form(part(b"1", more="\r\nContent-Type: a b c")),
        form(part(b"1", more="\r\nContent-Type: a/b\r\nContent-Type: a/b")),
        form(part(b"1", "n" * 300)),
        form(part(b"\xff")),
        form(b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n"),
        form(b'--x \r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'),
        form(b"--x\r\nno headers\r\n"),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read(body)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "kind",
    [b"application/json", b"multipart/form-data", b"multipart/form-data; boundary=", b"multipart/form-data; boundary=a;b=c"],
)
def test_what_is_no_form(kind: bytes) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Form(kind, BOUNDS)
    assert caught.value.reason is Reason.UNSUPPORTED_MEDIA_TYPE


def test_the_kind_is_written_again() -> None:
    assert Form(b'Multipart/Form-Data; boundary="a b"', BOUNDS).kind == 'multipart/form-data; boundary="a b"'
    assert Form(TYPE, BOUNDS).kind == "multipart/form-data; boundary=x"
