"""Two things that only a socket option can do: bound what the kernel holds for a client, and hang up on one."""

import asyncio
import socket
import struct

_RESET = struct.pack("ii", 1, 0)
"""`struct linger` (socket(7)): on, no time."""
_NOT_SENT_LOW_WATER = getattr(socket, "TCP_NOTSENT_LOWAT", 25)
"""tcp(7); Python names it only where it was built against headers that do."""


def bound_unsent(transport: asyncio.BaseTransport, limit: int) -> None:
    """Let the kernel hold at most about `limit` bytes not sent yet, instead of the megabytes of its send buffer."""
    sock = transport.get_extra_info("socket")
    if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.IPPROTO_TCP, _NOT_SENT_LOW_WATER, limit)


def reset(transport: asyncio.Transport) -> None:
    """Cut the connection at once; a plain abort leaves the kernel offering the client what was written."""
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()
