"""What is refused before an application is asked."""

import pytest

from sluicegate.web import refusal
from sluicegate.web.refusal import Refused, check_head


def check(
    method: bytes = b"GET",
    version: str = "1.1",
    url: bytes = b"/a?b",
    *,
    hosted: bool = True,
    chunked: bool = False,
    upgrade: bool = False,
) -> tuple[str, bytes, bytes]:
    return check_head(method, version, url, hosted, chunked, upgrade)


def test_served() -> None:
    assert check() == ("/a", b"/a", b"b")
    assert check(version="1.0", hosted=False) == ("/a", b"/a", b"b")
    assert check(b"POST", chunked=True) == ("/a", b"/a", b"b")


@pytest.mark.parametrize(
    ("status", "change"),
    [
        (505, {"version": "2.0"}),
        (426, {"upgrade": True}),
        (400, {"upgrade": True, "method": b"CONNECT"}),
        (405, {"method": b"TRACE"}),
        (400, {"hosted": False}),
        (400, {"version": "1.0", "chunked": True}),
        (400, {"url": b"//"}),
    ],
)
def test_refused(status: int, change: dict[str, object]) -> None:
    for _ in range(2):  # what is served is remembered, and a refusal is not
        check()
        with pytest.raises(Refused) as caught:
            check(**change)  # type: ignore[arg-type]  # one changed argument each
        assert caught.value.status == status


def test_a_path_that_holds_a_key_is_not_kept() -> None:
    before = refusal._remembered.cache_info().currsize
    assert check(url=b"/k/some-key/v1/messages")[0] == "/k/some-key/v1/messages"
    assert refusal._remembered.cache_info().currsize == before
    assert check(url=b"/new/in/this/test")[0] == "/new/in/this/test"
    assert refusal._remembered.cache_info().currsize == before + 1


def test_answer_closes() -> None:
    answer = Refused(431, "Too much.").answer(b"date: now\r\n")
    head, _, text = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
    assert b"\r\nconnection: close\r\n" in head
    assert b"\r\ndate: now" in head
    assert b"content-length: %d" % len(text) in head
    assert text == b"Too much.\n"
