import pytest

from sluicegate.core.dialect import ANSWERED_HERE, MODEL_IN_ADDRESS, DialectName
from sluicegate.providers.address import MODEL, Origin, forbidden, parse, path, segment


@pytest.mark.parametrize(
    ("url", "origin", "authority", "where"),
    [
        ("https://api.openai.com/v1", Origin(True, "api.openai.com", 443), "api.openai.com", "/v1"),
        ("http://127.0.0.1:8000/v1/", Origin(False, "127.0.0.1", 8000), "127.0.0.1:8000", "/v1"),
        ("http://[::1]:9/", Origin(False, "::1", 9), "[::1]:9", ""),
        ("https://h", Origin(True, "h", 443), "h", ""),
    ],
)
def test_addresses(url: str, origin: Origin, authority: str, where: str) -> None:
    assert parse(url) == (origin, authority, where)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "file:///etc/passwd",
        "gopher://h/",
        "ftp://h",
        "unix:/x",
        "//h/v1",
        "https://",
        "https://user@evil",
        "https://good#@evil",
        "https://h?x=1",
        "https://h/\r\nX: y",
        "https://h\t/",
        "https://h/a b",
        "https://bücher.example",
        "https://h:0/",
        "https://h:99999/",
        "https://h:x/",
        "https://[::1",
        "http:\\\\h",
    ],
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(ValueError):
        parse(url)


@pytest.mark.parametrize(
    ("url", "dialect", "expected"),
    [
        ("https://h/v1", DialectName.OPENAI_CHAT, "/v1/chat/completions"),
        ("https://h/compat/v1/", DialectName.OPENAI_CHAT, "/compat/v1/chat/completions"),
        ("https://h", DialectName.OPENAI_CHAT, "/chat/completions"),
        ("https://h", DialectName.ANTHROPIC_MESSAGES, "/v1/messages"),
        ("https://h/anthropic", DialectName.ANTHROPIC_MESSAGES, "/anthropic/v1/messages"),
        ("https://h/v1", DialectName.ANTHROPIC_MESSAGES, "/v1/messages"),
    ],
)
def test_paths(url: str, dialect: DialectName, expected: str) -> None:
    assert path(parse(url), dialect) == expected


@pytest.mark.parametrize(
    ("peer", "never"),
    [
        ("169.254.169.254", True),
        ("::ffff:169.254.169.254", True),
        ("fe80::1%eth0", True),
        ("fd00:ec2::254", True),
        ("224.0.0.1", True),
        ("0.0.0.0", True),
        ("", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("fd00::1", False),
        ("93.184.216.34", False),
    ],
)
def test_hosts_that_are_never_called(peer: str, never: bool) -> None:
    assert forbidden(peer) is never


def test_every_dialect_has_a_path() -> None:
    there = parse("https://h")
    assert {dialect: path(there, dialect, stream=True) for dialect in MODEL_IN_ADDRESS}.keys() == MODEL_IN_ADDRESS
    for dialect in set(DialectName) - ANSWERED_HERE:
        assert (MODEL in path(there, dialect)) is (dialect in MODEL_IN_ADDRESS)


@pytest.mark.parametrize("dialect", ANSWERED_HERE)
def test_what_the_gateway_answers_by_itself_has_none(dialect: DialectName) -> None:
    with pytest.raises(ValueError, match="no provider"):
        path(parse("https://h"), dialect)


def test_a_model_s_name_leads_to_no_other_path() -> None:
    assert segment("gemini-2.0-flash") == "gemini-2.0-flash"
    assert segment("a/../b?x=1#é:@1") == "a%2F..%2Fb%3Fx%3D1%23%C3%A9%3A@1"
    for name in ("", ".", ".."):
        with pytest.raises(ValueError, match="address"):
            segment(name)
