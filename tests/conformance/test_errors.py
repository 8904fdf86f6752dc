"""Refusals as the official SDKs raise them: each in its own class, with the reason and the time to wait."""

from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from tests.support.gateway import CHAT_MODEL, KEY, MESSAGES_MODEL, governed, running
from tests.support.guardrails import AWS
from tests.support.upstream import Upstream


def raised(library: Any, status: int) -> type[Exception]:
    """What a vendor's SDK raises for a status."""
    names = {400: "BadRequestError", 401: "AuthenticationError", 403: "PermissionDeniedError"}
    names |= {404: "NotFoundError", 429: "RateLimitError", 402: "APIStatusError"}
    found: type[Exception] = getattr(library, names[status])
    return found


async def _openai(url: str, key: str, model: str, text: str) -> None:
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0) as sdk:
        await sdk.chat.completions.create(model=model, messages=[{"role": "user", "content": text}], max_tokens=9)


async def _anthropic(url: str, key: str, model: str, text: str) -> None:
    async with anthropic.AsyncAnthropic(base_url=url, api_key=key, max_retries=0) as sdk:
        await sdk.messages.create(model=model, messages=[{"role": "user", "content": text}], max_tokens=9)


SDKS = ((openai, _openai, CHAT_MODEL), (anthropic, _anthropic, MESSAGES_MODEL))


async def test_each_refusal_is_raised_as_its_class(tmp_path: Path) -> None:
    async with Upstream() as upstream:
        settings = governed(upstream.base_url, models=["test-*", "claude-*", "nowhere"])
        async with running(tmp_path, settings) as gateway:
            for library, call, model in SDKS:
                for status, key, asked, text in (
                    (400, KEY, model, f"key {AWS}"),
                    (403, KEY[:-1], model, "hi"),
                    (403, KEY, "other", "hi"),
                    (404, KEY, "nowhere", "hi"),
                ):
                    with pytest.raises(raised(library, status)) as caught:
                        await call(gateway.url, key, asked, text)
                    assert caught.value.status_code == status  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("status", "key"),
    [(429, {"rate": {"requests_per_minute": 1}}), (402, {"budgets": [{"period": "total", "usd": "0.000000001"}]})],
)
async def test_limits_are_raised_as_their_class(tmp_path: Path, status: int, key: dict[str, Any]) -> None:
    async with Upstream() as upstream, running(tmp_path, governed(upstream.base_url, key=key)) as gateway:
        if status == 429:
            await _openai(gateway.url, KEY, CHAT_MODEL, "hi")
        for library, call, model in SDKS:
            with pytest.raises(raised(library, status)) as caught:
                await call(gateway.url, KEY, model, "hi")
            error: Any = caught.value
            assert error.status_code == status
            if status == 429:
                assert int(error.response.headers["retry-after"]) > 0
