"""Clients that show their provider a credential of their own, and name themselves here by a virtual key.

What they send arrives byte for byte, but for what belongs to one connection or to the gateway; only its digest is kept.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
import pytest_asyncio

from tests.conformance.conftest import Bench
from tests.conformance.test_claude_code import CLAUDE
from tests.support.gateway import CHAT_MODEL, KEY, MESSAGES_MODEL, governed, running
from tests.support.upstream import Upstream, chat_answer, json_reply, messages_answer, messages_stream

pytestmark = pytest.mark.asyncio(loop_scope="module")

OWN = "sk-ant-api03" + "-own-own-own"
ASK: Any = [{"role": "user", "content": "Hello"}]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    async with Upstream() as upstream:
        settings = governed(upstream.base_url, own_credentials=True)
        async with running(tmp_path_factory.mktemp("gateway"), settings) as gateway:
            yield Bench(upstream, gateway)


def sdk(bench: Bench, key: str = OWN, **headers: str) -> anthropic.AsyncAnthropic:
    named = {"X-Sluicegate-Key": KEY, **headers}
    return anthropic.AsyncAnthropic(base_url=bench.gateway.url, api_key=key, max_retries=0, default_headers=named)


def shown(headers: Mapping[str, str]) -> str:
    """What the provider was shown: these clients use the one header or the other."""
    return headers.get("x-api-key") or headers["authorization"].removeprefix("Bearer ")


def assert_nothing_is_kept(bench: Bench) -> None:
    """Of the credential: not in the log, nor in any file of the gateway."""
    assert OWN not in bench.gateway.log
    for file in (bench.gateway.directory / "data").rglob("*"):
        if file.is_file():
            assert OWN.encode() not in file.read_bytes(), file.name


async def test_headers_arrive_as_they_were_sent(bench: Bench) -> None:
    bench.upstream.script(messages_answer("hello"))
    async with sdk(bench, **{"anthropic-beta": "oauth-2025-04-20,any thing at all", "X-Odd": "a;b=c"}) as client:
        await client.messages.create(model=MESSAGES_MODEL, max_tokens=9, messages=ASK)
    (got,) = bench.upstream.requests
    assert shown(got.headers) == OWN
    assert got.headers["anthropic-beta"] == "oauth-2025-04-20,any thing at all"
    assert got.headers["x-odd"] == "a;b=c"
    assert got.headers["user-agent"].startswith("AsyncAnthropic/Python")
    assert {name for name in got.headers if name.startswith("x-stainless-")}
    assert (got.headers["accept-encoding"], got.headers["host"]) == ("identity", bench.upstream.base_url[7:])
    assert KEY not in str(got.headers)
    assert_nothing_is_kept(bench)


async def test_the_decision_holds_a_digest(bench: Bench) -> None:
    bench.upstream.script(messages_answer("hello"))
    async with sdk(bench) as client:
        await client.messages.create(model=MESSAGES_MODEL, max_tokens=9, messages=ASK)
    digests = [sha256(own.encode()).hexdigest().encode() for own in (OWN, f"Bearer {OWN}")]
    found = b"".join(file.read_bytes() for file in (bench.gateway.directory / "data").rglob("*") if file.is_file())
    assert any(digest in found for digest in digests)


async def test_the_provider_s_401_is_the_client_s(bench: Bench) -> None:
    error = {"type": "error", "error": {"type": "authentication_error", "message": "invalid x-api-key"}}
    bench.upstream.script(json_reply(error, 401))
    async with sdk(bench) as client:
        with pytest.raises(anthropic.AuthenticationError, match="invalid x-api-key"):
            await client.messages.create(model=MESSAGES_MODEL, max_tokens=9, messages=ASK)


async def test_without_one_of_its_own_it_is_as_ever(bench: Bench) -> None:
    bench.upstream.script(messages_answer("hello"))
    async with sdk(bench, key=KEY) as client:
        await client.messages.create(model=MESSAGES_MODEL, max_tokens=9, messages=ASK)
    (got,) = bench.upstream.requests
    assert not {"x-api-key", "authorization", "x-stainless-lang"} & got.headers.keys()
    assert got.headers["user-agent"] == "sluicegate"


async def test_it_is_shown_to_no_provider_of_another_kind(bench: Bench) -> None:
    async with sdk(bench) as client:
        with pytest.raises(anthropic.BadRequestError, match="own credential"):
            await client.messages.create(model=CHAT_MODEL, max_tokens=9, messages=ASK)
    assert not bench.upstream.requests


async def test_the_key_in_the_path(bench: Bench) -> None:
    bench.upstream.script(chat_answer("hello"))
    url = f"{bench.gateway.url}/k/{KEY}/openai/v1"
    async with openai.AsyncOpenAI(base_url=url, api_key=OWN, organization="org-1", max_retries=0) as client:
        await client.chat.completions.create(model=CHAT_MODEL, messages=ASK)
    (got,) = bench.upstream.requests
    assert (got.headers["authorization"], got.headers["openai-organization"]) == (f"Bearer {OWN}", "org-1")
    assert KEY not in str(got.headers) + got.path
    assert_nothing_is_kept(bench)


@pytest.mark.parametrize("how", ["header", "path"])
async def test_claude_code_with_an_account_of_its_own(bench: Bench, tmp_path: Path, how: str) -> None:
    bench.upstream.script(messages_stream(["A governed ", "answer."]))
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "ANTHROPIC_BASE_URL": bench.gateway.url if how == "header" else f"{bench.gateway.url}/k/{KEY}",
        "ANTHROPIC_API_KEY": OWN,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }
    if how == "header":
        environ["ANTHROPIC_CUSTOM_HEADERS"] = f"X-Sluicegate-Key: {KEY}"
    process = await asyncio.create_subprocess_exec(
        *(str(CLAUDE), "-p", "Say something.", "--model", MESSAGES_MODEL),
        env=environ,
        cwd=tmp_path,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == 0, errors.decode()
    assert output.decode().strip() == "A governed answer."
    assert bench.upstream.requests
    for request in bench.upstream.requests:
        assert shown(request.headers) == OWN
        assert request.headers["user-agent"].startswith("claude-cli/")
        assert request.headers["anthropic-beta"]
        assert KEY not in str(request.headers) + request.path
    assert_nothing_is_kept(bench)
