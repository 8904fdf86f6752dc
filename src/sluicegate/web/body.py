"""Reading a JSON request body from ASGI: bounded, and refused as early as HTTP allows."""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Protocol

from sluicegate.core.decision import Reason
from sluicegate.core.errors import ClientGone, InvalidRequest

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Headers = Iterable[tuple[bytes, bytes]]

_JSON = frozenset({b"application/json", b"application/json; charset=utf-8", b"application/json;charset=utf-8"})
_WATCHED = frozenset({b"content-type", b"content-length", b"content-encoding"})


class Source(Protocol):
    """Where a body comes from: `web/cycle.py`, Cycle, says what these do."""

    @property
    def receive(self) -> Receive:
        """The next piece of the body."""

    def whole(self) -> bytes | None:
        """The body, if all of it has come."""


def content_type(headers: Headers) -> bytes:
    """The one content type. Raises InvalidRequest (UNSUPPORTED_MEDIA_TYPE) where there is none, or there are more."""
    found = [value for name, value in headers if name == b"content-type"]
    if len(found) != 1:
        raise _wrong_type()
    return found[0]


def body_of(headers: Headers, source: Source, limit: int, *, form: bool = False) -> bytes | Awaitable[bytes]:
    """The whole request body, as `read_body` gives it, and at once if it has come already; a `form` is no JSON."""
    _check(headers, limit, form=form)
    body = source.whole()
    if body is None:
        return _receive(source.receive, limit)
    if len(body) > limit:
        raise _too_large(limit)
    return body


async def read_body(scope: Message, receive: Receive, limit: int) -> bytes:
    """The whole request body, of at most `limit` bytes.

    Raises InvalidRequest: TOO_LARGE, before a byte is read where Content-Length says so and else as soon as the limit is
    passed; UNSUPPORTED_MEDIA_TYPE unless it is `application/json` in UTF-8 without a content encoding. Raises ClientGone.
    """
    _check(scope["headers"], limit)
    return await _receive(receive, limit)


async def _receive(receive: Receive, limit: int) -> bytes:
    message = await receive()
    if message["type"] != "http.request":
        raise ClientGone
    body: bytes = message.get("body", b"")
    if len(body) > limit:
        raise _too_large(limit)
    if not message.get("more_body", False):
        return body
    parts = [body]
    size = len(body)
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientGone
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


def _check(headers: Headers, limit: int, *, form: bool = False) -> None:
    types = 0
    for name, value in headers:
        if name not in _WATCHED:
            continue
        if name == b"content-type":
            types += 1
            if not form and value not in _JSON and not _is_json(value):
                raise _wrong_type()
        elif name == b"content-length":
            if not value.isdigit() or int(value[:20]) > limit:
                raise _too_large(limit)
        elif value.strip().lower() not in (b"", b"identity"):
            raise InvalidRequest(
                Reason.UNSUPPORTED_MEDIA_TYPE,
                "A content encoding is not accepted; send the body as it is.",
                field="content-encoding",
            )
    if types != 1:
        raise _wrong_type()


def _is_json(value: bytes) -> bool:
    """Whether a content type is JSON in UTF-8, in any case and spacing, with no other parameter than `charset`."""
    kind, *parameters = (part.strip().lower() for part in value.split(b";"))
    return kind == b"application/json" and all(
        parameter.replace(b'"', b"") in (b"", b"charset=utf-8", b"charset=utf8") for parameter in parameters
    )


def _too_large(limit: int) -> InvalidRequest:
    return InvalidRequest(Reason.TOO_LARGE, f"The request body is larger than {limit} bytes.")


def _wrong_type() -> InvalidRequest:
    return InvalidRequest(Reason.UNSUPPORTED_MEDIA_TYPE, "The content type must be application/json.", field="content-type")
