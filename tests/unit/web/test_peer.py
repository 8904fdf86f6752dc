import pytest

from sluicegate.settings import Server
from sluicegate.web.peer import Peers


@pytest.mark.parametrize(
    ("proxies", "forwarded", "peer"),
    [
        ((), [b"1.2.3.4"], "10.0.0.9"),
        (("10.0.0.0/8",), [b"1.2.3.4"], "1.2.3.4"),
        (("10.0.0.0/8",), [b"6.6.6.6, 1.2.3.4, 10.1.1.1"], "1.2.3.4"),
        (("10.0.0.0/8",), [b"6.6.6.6", b"1.2.3.4", b"10.1.1.1"], "1.2.3.4"),
        (("10.0.0.0/8",), [], "10.0.0.9"),
        (("192.168.0.0/16",), [b"1.2.3.4"], "10.0.0.9"),
        (("10.0.0.0/8",), [b"not-an-address"], "not-an-address"),
    ],
)
def test_only_a_trusted_proxy_names_the_client(proxies: tuple[str, ...], forwarded: list[bytes], peer: str) -> None:
    headers = [(b"x-forwarded-for", value) for value in forwarded]
    assert Peers(Server(trusted_proxies=proxies)).of({"client": ("10.0.0.9", 1), "headers": headers}) == peer


def test_a_socket_without_an_address_has_no_peer() -> None:
    assert Peers(Server()).of({"client": None, "headers": []}) == ""
