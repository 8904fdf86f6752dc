"""One gateway and one scripted provider per file of tests."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from tests.support.gateway import Gateway, governed, running
from tests.support.upstream import Upstream


@dataclass
class Bench:
    """What a conformance test works with."""

    upstream: Upstream
    gateway: Gateway


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    async with Upstream() as upstream:
        settings = governed(upstream.base_url)
        async with running(tmp_path_factory.mktemp("gateway"), settings) as gateway:
            yield Bench(upstream, gateway)


@pytest.fixture(autouse=True)
def forget(bench: Bench) -> None:
    """Each test begins with no script and no requests."""
    bench.upstream.script()
    bench.upstream.requests.clear()
