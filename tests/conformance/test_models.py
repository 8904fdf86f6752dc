"""The official SDKs list the models of the caller's use case, and no others."""

from collections.abc import AsyncIterator

import anthropic
import openai
import pytest
import pytest_asyncio

from tests.conformance.conftest import Bench
from tests.support.gateway import KEY, running
from tests.support.small import GOOGLE_MODEL, NAMED, small
from tests.support.upstream import Upstream

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    async with Upstream() as upstream, running(tmp_path_factory.mktemp("gateway"), small(upstream.base_url)) as gateway:
        yield Bench(upstream, gateway)


@pytest.mark.parametrize("prefix", ["", "/openai"])
async def test_openai_lists_models(bench: Bench, prefix: str) -> None:
    async with openai.AsyncOpenAI(base_url=f"{bench.gateway.url}{prefix}/v1", api_key=KEY, max_retries=0) as sdk:
        page = await sdk.models.with_raw_response.list()
        assert [model.id for model in page.parse().data] == sorted((*NAMED, GOOGLE_MODEL))
        assert page.headers["x-sluicegate-model-patterns"] == "claude-*, small-*, test-*"
        for name in (*NAMED, "claude-whatever"):
            assert (await sdk.models.retrieve(name)).id == name
        for name in ("hidden", "unknown", "alpha/unknown"):
            with pytest.raises(openai.NotFoundError):
                await sdk.models.retrieve(name)


@pytest.mark.parametrize("prefix", ["", "/anthropic"])
async def test_anthropic_lists_models(bench: Bench, prefix: str) -> None:
    async with anthropic.AsyncAnthropic(base_url=f"{bench.gateway.url}{prefix}", api_key=KEY, max_retries=0) as sdk:
        assert [model.id async for model in sdk.models.list(limit=1)] == sorted((*NAMED, GOOGLE_MODEL))
        assert (await sdk.models.retrieve(NAMED[0])).display_name == NAMED[0]
        with pytest.raises(anthropic.NotFoundError):
            await sdk.models.retrieve("hidden")
        with pytest.raises(anthropic.BadRequestError):
            await sdk.models.list(after_id="unknown")


async def test_a_list_needs_a_key(bench: Bench) -> None:
    async with openai.AsyncOpenAI(base_url=f"{bench.gateway.url}/v1", api_key="none", max_retries=0) as sdk:
        with pytest.raises(openai.PermissionDeniedError):
            await sdk.models.list()
    assert not [each for each in bench.upstream.requests if each.method == "POST"]
