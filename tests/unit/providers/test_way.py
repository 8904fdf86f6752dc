import pytest

from sluicegate.core.dialect import DialectName
from sluicegate.core.provider import Auth, AuthKind, Path, Quirk
from sluicegate.providers.way import Compiled, check, check_header, check_kind, check_tail, sendable
from sluicegate.secrets.reference import credential
from tests.support.calls import request, target

MESSAGES = DialectName.ANTHROPIC_MESSAGES
OWN = "sk-ant" + "-own"


@pytest.mark.parametrize(
    ("name", "value"),
    [("Host", "x"), ("content-length", "1"), ("a b", "x"), ("", "x"), ("x:", "y"), ("x", "a\r\nb"), ("x", "é"), ("é", "x")],
)
def test_headers_that_cannot_be_set(name: str, value: str) -> None:
    with pytest.raises(ValueError, match="header"):
        check_header(name, value)
    with pytest.raises(ValueError, match="header"):
        check(target(headers={name: value}))


def test_content_types_and_what_stands_behind_a_path() -> None:
    check_kind("multipart/form-data; boundary=x")
    check_tail("/resp_1/input_items?limit=2&include=a.b")
    assert sendable("")
    for kind in ("", "a\r\nb"):
        with pytest.raises(ValueError, match="content type"):
            check_kind(kind)
    for tail in ("/../x", "/./x", "/a b", "/a#b", "/{model}"):
        with pytest.raises(ValueError, match="path"):
            check_tail(tail)


def test_paths_and_query_of_the_target_s_own() -> None:
    to = target(
        "https://h/openai",
        paths={DialectName.OPENAI_CHAT: Path("/deployments/{model}/chat", "/deployments/{model}/stream?alt=sse")},
        query="api-version=2024-10-21",
        dialects=(DialectName.OPENAI_CHAT, DialectName.OPENAI_RESPONSES),
    )
    ways = Compiled(to).ways
    chat, responses = ways[DialectName.OPENAI_CHAT], ways[DialectName.OPENAI_RESPONSES]
    assert chat.path(request(to, model="a b")) == "/openai/deployments/a%20b/chat?api-version=2024-10-21"
    assert chat.path(request(to, model="m", stream=True)) == "/openai/deployments/m/stream?alt=sse&api-version=2024-10-21"
    assert responses.path(request(to, tail="/r?limit=1")) == "/openai/responses/r?api-version=2024-10-21&limit=1"


@pytest.mark.parametrize(
    ("auth", "dialect", "line"),
    [
        (None, MESSAGES, "x-api-key: "),
        (None, DialectName.OPENAI_CHAT, "Authorization: Bearer "),
        (Auth(header="api-key"), DialectName.OPENAI_CHAT, "api-key: "),
        (Auth(header="Authorization", scheme="Bearer"), MESSAGES, "Authorization: Bearer "),
    ],
)
def test_where_the_credential_stands(auth: Auth | None, dialect: DialectName, line: str) -> None:
    to = target(auth=auth, dialects=(dialect,), credential=credential("env:X", {}))
    assert Compiled(to).ways[dialect].head(request(to)).endswith("\r\n" + line)


def test_a_credential_that_is_made_stands_nowhere_yet() -> None:
    to = target(auth=Auth(AuthKind.AWS, service="bedrock"), credential=credential("env:X", {}))
    compiled = Compiled(to)
    assert compiled.signed
    assert "uthorization" not in compiled.ways[DialectName.OPENAI_CHAT].head(request(to))


def test_the_version_stands_in_the_body_for_clouds() -> None:
    assert not Compiled(target(dialects=(MESSAGES,))).ways[MESSAGES].versioned
    assert Compiled(target(dialects=(MESSAGES,), quirks=(Quirk.ANTHROPIC_VERTEX,))).ways[MESSAGES].versioned


def test_a_client_s_own_headers_go_on_as_they_came() -> None:
    to = target("https://h", dialects=(MESSAGES,), headers={"X-Static": "1"}, credential=credential("env:X", {}))
    own = [
        (b"Host", b"gateway"),
        (b"Authorization", f"Bearer {OWN}".encode()),
        (b"User-Agent", b"claude-cli/2 (external, cli)"),
        (b"anthropic-beta", b"a, b"),
        (b"Content-Type", b"application/json"),
        (b"content-length", b"5"),
        (b"connection", b"keep-alive"),
        (b"accept-encoding", b"gzip"),
        (b"X-Sluicegate-Key", b"k"),
        (b"x-forwarded-for", b"10.0.0.1"),
        (b"X-Stainless-Lang", b"\xe9s"),
        (b"X-Two", b"a\r\nb: c"),
    ]
    lines = Compiled(to).ways[MESSAGES].own(request(to), own).split("\r\n")
    assert lines == [
        "POST /v1/messages HTTP/1.1",
        "Host: h",
        "Accept-Encoding: identity",
        f"Authorization: Bearer {OWN}",
        "User-Agent: claude-cli/2 (external, cli)",
        "anthropic-beta: a, b",
        "Content-Type: application/json",
        "X-Stainless-Lang: \xe9s",
        "X-Two: ab: c",
    ]
