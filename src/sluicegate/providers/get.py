"""One GET over the shared pool, outside the request path: what a server offers, and whether it is there."""

from typing import NamedTuple

from sluicegate.providers.address import Address
from sluicegate.providers.connection import State
from sluicegate.providers.pool import Pool


class Got(NamedTuple):
    """An answer: its status, and its body up to the bound where the status is 200 (else nothing)."""

    status: int
    body: bytes


async def get(pool: Pool, base: Address, path: str, max_bytes: int) -> Got:
    """GET `path` (whole) at the origin of `base`. Raises UpstreamError, StaleConnectionError; the caller bounds the time."""
    connection = pool.take(base.origin) or await pool.open(base.origin)
    try:
        head = f"GET {path} HTTP/1.1\r\nHost: {base.authority}\r\nAccept: application/json\r\n\r\n"
        connection.begin(head.encode("ascii"), b"")
        await connection.head()
        status, body = connection.status, b""
        while status == 200 and len(body) <= max_bytes and (piece := await connection.read()):
            body += piece
        return Got(status, body)
    finally:
        if connection.state is State.DONE:
            pool.give_back(connection)
        else:
            pool.discard(connection)
