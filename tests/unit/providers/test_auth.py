import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from sluicegate.core.decision import Reason
from sluicegate.core.errors import UpstreamError, UpstreamRejected
from sluicegate.core.provider import Auth, AuthKind, SecretUnavailable
from sluicegate.providers.auth import AHEAD_SECONDS, PAUSE_SECONDS, Fetched, Fetching, check_extra, signer
from sluicegate.secrets.reference import credential
from tests.support.calls import Caller, target
from tests.support.upstream import Reply, Upstream, json_reply

SECRET, TOKEN = "hush" + "-hush", "fresh" + "-token"
KEY = credential("env:KEY", {"KEY": SECRET})
ENTRA = Auth(AuthKind.ENTRA, tenant="t", client="c", scope="https://cognitiveservices.azure.com/.default")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def counted(values: list[Fetched[str] | Exception], gate: asyncio.Event) -> Callable[[], Awaitable[Fetched[str]]]:
    async def fetch() -> Fetched[str]:
        value = values.pop(0)
        await gate.wait()
        if isinstance(value, Exception):
            raise value
        return value

    return fetch


def opened() -> asyncio.Event:
    gate = asyncio.Event()
    gate.set()
    return gate


async def test_one_fetch_serves_all_who_wait() -> None:
    gate, clock = asyncio.Event(), Clock()
    token = Fetching(counted([Fetched("a", 100)], gate), 5, clock)
    waiting = [asyncio.ensure_future(token.get()) for _ in range(10)]
    await asyncio.sleep(0)
    gate.set()
    assert await asyncio.gather(*waiting) == ["a"] * 10
    clock.now = 79
    assert await token.get() == "a"


async def test_it_is_fetched_again_before_it_expires_and_nobody_waits() -> None:
    clock, gate = Clock(), opened()
    seconds = 2 * AHEAD_SECONDS
    token = Fetching(counted([Fetched("a", seconds), Fetched("b", seconds), Fetched("c", seconds)], gate), 5, clock)
    assert await token.get() == "a"
    clock.now = AHEAD_SECONDS * 1.7
    gate.clear()
    assert [await token.get(), await token.get()] == ["a", "a"]
    gate.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert await token.get() == "b"
    clock.now *= 3
    assert await token.get() == "c"


async def test_a_failure_is_told_and_not_repeated_at_once() -> None:
    clock = Clock()
    token = Fetching(counted([SecretUnavailable("x"), Fetched("a", 10)], opened()), 5, clock)
    for _ in range(3):
        with pytest.raises(SecretUnavailable):
            await token.get()
    clock.now = PAUSE_SECONDS
    assert await token.get() == "a"


async def test_a_failure_ahead_of_time_costs_nobody() -> None:
    clock = Clock()
    token = Fetching(counted([Fetched("a", 100), SecretUnavailable("x"), Fetched("b", 100)], opened()), 5, clock)
    assert await token.get() == "a"
    clock.now = 90
    for _ in range(5):
        assert await token.get() == "a"
        await asyncio.sleep(0)
    clock.now = 95
    assert await token.get() == "a"
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert await token.get() == "b"


async def test_a_fetch_that_hangs_is_bounded() -> None:
    gate = asyncio.Event()
    token = Fetching(counted([Fetched("a", 100)], gate), 0.01, Clock())
    for _ in range(2):
        with pytest.raises(SecretUnavailable, match="token_timeout"):
            await token.get()
    gate.set()
    assert await token.get() == "a"


async def test_an_entra_token() -> None:
    async with Upstream() as authority, Upstream() as upstream, Caller() as caller:
        auth = Auth(AuthKind.ENTRA, authority=authority.base_url, tenant="t", client="c", scope="s")
        authority.script(json_reply({"access_token": TOKEN, "expires_in": 3600}))
        upstream.script(json_reply({}))
        to = target(upstream.base_url + "/openai/v1", auth=auth, credential=KEY)
        for _ in range(2):
            await caller.call(to)
        assert [request.headers["authorization"] for request in upstream.requests] == [f"Bearer {TOKEN}"] * 2
        (asked,) = authority.requests
        assert asked.path == "/t/oauth2/v2.0/token"
        assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
        assert {name: values[0] for name, values in parse_qs(asked.body.decode()).items()} == {
            "grant_type": "client_credentials",
            "client_id": "c",
            "scope": "s",
            "client_secret": SECRET,
        }
        federated = Auth(AuthKind.ENTRA, authority=authority.base_url, tenant="t", client="c", scope="s", federated=True)
        await caller.call(target(upstream.base_url, auth=federated, credential=KEY))
        assert parse_qs(authority.requests[1].body.decode())["client_assertion"] == [SECRET]


@pytest.mark.parametrize(
    "reply",
    [
        json_reply({"error": SECRET}, 400),
        json_reply({}),
        json_reply({"access_token": "a\r\nb", "expires_in": 5}),
        json_reply({"access_token": "a", "expires_in": -1}),
        Reply(raw=b""),
    ],
    ids=range(5),
)
async def test_an_authority_that_gives_none(reply: Reply, caplog: pytest.LogCaptureFixture) -> None:
    async with Upstream() as authority, Caller() as caller:
        authority.script(reply)
        auth = Auth(AuthKind.ENTRA, authority=authority.base_url, tenant="t", client="c", scope="s")
        with pytest.raises(UpstreamError) as caught:
            await caller.call(target(auth=auth, credential=KEY))
        assert caught.value.reason is Reason.UPSTREAM_AUTH
        assert SECRET not in caught.value.message + caplog.text


async def test_what_a_provider_says_of_the_token_stays_here() -> None:
    async with Upstream() as authority, Upstream() as upstream, Caller() as caller:
        authority.script(json_reply({"access_token": TOKEN, "expires_in": 3600}))
        upstream.script(json_reply({"error": TOKEN}, 400))
        auth = Auth(AuthKind.ENTRA, authority=authority.base_url, tenant="t", client="c", scope="s")
        with pytest.raises(UpstreamRejected) as caught:
            await caller.call(target(upstream.base_url, auth=auth, credential=KEY))
        assert caught.value.body == b""


async def test_a_signature_is_the_one_that_aws_works_out() -> None:
    """Signed again by botocore from what arrived, with the same keys and time, it reads the same."""
    id, secret, session = "AKID" + "EXAMPLE", "sec" + "ret", "tok" + "en"
    keys = credential("env:KEY", {"KEY": f"{id}:{secret}:{session}"})
    async with Upstream() as upstream, Caller() as caller:
        upstream.script(json_reply({}))
        to = target(upstream.base_url, auth=Auth(AuthKind.AWS, service="bedrock"), credential=keys, region="eu-central-1")
        await caller.call(to)
        got = upstream.requests[0]
        assert got.headers["x-amz-security-token"] == session
        assert secret not in str(got.headers)
        again = AWSRequest("POST", upstream.base_url + got.path, data=got.body)
        again.context["timestamp"] = got.headers["x-amz-date"]
        again.headers["X-Amz-Date"] = got.headers["x-amz-date"]
        again.headers["X-Amz-Security-Token"] = session
        checking = SigV4Auth(Credentials(id, secret, session), "bedrock", "eu-central-1")
        canonical = checking.canonical_request(again)
        signature = checking.signature(checking.string_to_sign(again, canonical), again)
        assert got.headers["authorization"].endswith(f"Signature={signature}")


async def test_a_key_that_is_none() -> None:
    async with Caller() as caller:
        auth = Auth(AuthKind.AWS, service="bedrock")
        with pytest.raises(UpstreamError) as caught:
            await caller.call(target(auth=auth, credential=KEY, region="eu"))
        assert caught.value.reason is Reason.UPSTREAM_AUTH


async def test_a_google_token(tmp_path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    async with Upstream() as authority, Upstream() as upstream, Caller() as caller:
        account = {"type": "service_account", "client_email": "a@b", "private_key": pem, "private_key_id": "1"}
        file = tmp_path / "account.json"
        file.write_text(json.dumps(account | {"token_uri": authority.base_url + "/token"}))
        authority.script(json_reply({"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"}))
        upstream.script(json_reply({}))
        to = target(
            upstream.base_url, auth=Auth(AuthKind.GOOGLE, scope="s"), credential=credential(f"file:{file}"), region="eu"
        )
        for _ in range(2):
            await caller.call(to)
        assert [request.headers["authorization"] for request in upstream.requests] == [f"Bearer {TOKEN}"] * 2
        assert authority.hits == 1


async def test_a_google_file_that_is_none(tmp_path: Path) -> None:
    file = tmp_path / "account.json"
    file.write_text("{}")
    async with Caller() as caller:
        with pytest.raises(UpstreamError) as caught:
            await caller.call(target(auth=Auth(AuthKind.GOOGLE, scope="s"), credential=credential(f"file:{file}")))
        assert caught.value.reason is Reason.UPSTREAM_AUTH


@pytest.mark.parametrize(
    ("auth", "secret", "region"),
    [
        (ENTRA, None, ""),
        (Auth(AuthKind.GOOGLE, scope="s"), KEY, ""),
        (Auth(AuthKind.AWS, service="bedrock"), KEY, ""),
    ],
)
async def test_what_a_credential_cannot_be_made_of(auth: Auth, secret: object, region: str) -> None:
    async with Caller() as caller:
        to = target(auth=auth, credential=secret, region=region)
        with pytest.raises(ValueError, match=r"made from|region"):
            signer(to, caller.pool, 1)
        with pytest.raises(UpstreamError) as caught:
            await caller.call(to)
        assert caught.value.reason is Reason.UPSTREAM_UNREACHABLE


def test_a_missing_extra_is_named() -> None:
    check_extra(AuthKind.AWS)
    with pytest.raises(ValueError, match=r"extra `bedrock`.*sluicegate\[bedrock\]"):
        check_extra(AuthKind.AWS, lambda name: None)
