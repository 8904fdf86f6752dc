"""A plain POST of JSON over the shared pool, for what is no model: detectors behind HTTP. Redirects are not followed."""

from collections.abc import Mapping

import msgspec

from sluicegate.core.decision import Reason
from sluicegate.core.errors import UpstreamError
from sluicegate.core.provider import JSON
from sluicegate.providers import address
from sluicegate.providers.connection import Connection, StaleConnectionError, State
from sluicegate.providers.pool import Pool
from sluicegate.providers.way import check_header


class Posted(msgspec.Struct, frozen=True):
    """What came back."""

    status: int
    body: bytes


async def post(pool: Pool, url: str, body: bytes, headers: Mapping[str, str], max_bytes: int, kind: str = JSON) -> Posted:
    """The answer, whatever its status. Raises UpstreamError, also where the answer is longer than `max_bytes` bytes.

    `kind` is the content type of `body`.
    Its waits are those of `upstream`; who wants an answer sooner sets a time of its own: cancelling closes the connection.
    """
    base, _, query = url.partition("?")
    try:
        to = address.parse(base)
        if not query.isascii() or any(c <= " " or c == "\x7f" for c in query):
            raise ValueError("a query is printable ASCII without spaces")
        for name, value in headers.items():
            check_header(name, value)
    except ValueError as error:
        raise UpstreamError(Reason.UPSTREAM_UNREACHABLE, f"The call cannot be made: {error}.") from None
    head = "".join(
        (
            f"POST {to.path or '/'}{'?' if query else ''}{query} HTTP/1.1\r\nHost: {to.authority}\r\n",
            f"Content-Type: {kind}\r\nAccept: application/json\r\nAccept-Encoding: identity\r\n",
            "User-Agent: sluicegate\r\n",
            *(f"{name}: {value}\r\n" for name, value in headers.items()),
            f"Content-Length: {len(body)}\r\n\r\n",
        )
    ).encode("ascii")
    connection = pool.take(to.origin)
    if connection is not None:
        try:
            return await _exchange(pool, connection, head, body, max_bytes)
        except StaleConnectionError:
            pass  # it was closed while it was idle: once more, on a new one
    try:
        return await _exchange(pool, await pool.open(to.origin), head, body, max_bytes)
    except StaleConnectionError:
        raise UpstreamError(Reason.UPSTREAM_RESET, "The connection was closed before an answer came.") from None


async def _exchange(pool: Pool, connection: Connection, head: bytes, body: bytes, max_bytes: int) -> Posted:
    try:
        connection.begin(head, body)
        await connection.head()
        pieces, size = [], 0
        while piece := await connection.read():
            pieces.append(piece)
            size += len(piece)
            if size > max_bytes:
                raise UpstreamError(Reason.UPSTREAM_INVALID, f"The answer is longer than {max_bytes} bytes.")
        return Posted(connection.status, b"".join(pieces))
    finally:
        if connection.state is State.DONE:
            pool.give_back(connection)
        else:
            pool.discard(connection)
