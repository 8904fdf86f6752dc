"""Who is at the other end: the socket's address, or the one that trusted proxies report."""

from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from typing import Any

from sluicegate.settings import Server


class Peers:
    """Finds a request's client. `X-Forwarded-For` is believed only as far as `server.trusted_proxies` wrote it."""

    __slots__ = ("_proxies",)

    def __init__(self, server: Server) -> None:
        self._proxies = tuple(ip_network(proxy) for proxy in server.trusted_proxies)

    def of(self, scope: Mapping[str, Any]) -> str:
        """The client's address for an ASGI scope; empty where the server knows none."""
        client = scope.get("client")
        peer: str = client[0] if client else ""
        if not self._proxies:
            return peer
        chain = [peer]
        for name, value in scope["headers"]:
            if name == b"x-forwarded-for":
                chain[-1:-1] = [part.strip() for part in value.decode("latin-1").split(",") if part.strip()]
        while len(chain) > 1 and self._is_proxy(chain[-1]):
            chain.pop()
        return chain[-1]

    def _is_proxy(self, address: str) -> bool:
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        return any(parsed in proxy for proxy in self._proxies)
