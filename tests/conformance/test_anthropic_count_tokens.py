"""anthropic-python counts tokens through the running gateway: where the target counts, and where nobody does."""

import anthropic
import pytest

from tests.conformance.conftest import Bench
from tests.support.gateway import CHAT_MODEL, KEY, MESSAGES_MODEL, governed, running
from tests.support.upstream import Upstream, json_reply

ASK: list[anthropic.types.MessageParam] = [{"role": "user", "content": "Hello"}]


@pytest.mark.asyncio(loop_scope="module")
async def test_what_no_target_counts_is_estimated_and_says_so(bench: Bench) -> None:
    async with anthropic.AsyncAnthropic(base_url=bench.gateway.url, api_key=KEY, max_retries=0) as sdk:
        for model in (MESSAGES_MODEL, CHAT_MODEL):
            answer = await sdk.messages.with_raw_response.count_tokens(model=model, messages=ASK, system="Be kind.")
            assert 10 < (await answer.parse()).input_tokens < 60
            assert answer.headers["x-sluicegate-estimated"] == "input_tokens"
            assert "anthropic-ratelimit-requests-limit" not in answer.headers
    assert not [each for each in bench.upstream.requests if each.method == "POST"]


async def test_a_target_that_counts_is_asked(tmp_path_factory: pytest.TempPathFactory) -> None:
    async with Upstream() as upstream:
        settings = governed(upstream.base_url)
        provider = next(each for each in settings["providers"] if each["name"] == "messages")
        provider["dialects"] = ["anthropic_messages", "anthropic_count_tokens"]
        upstream.script(json_reply({"input_tokens": 7}))
        async with (
            running(tmp_path_factory.mktemp("gateway"), settings) as gateway,
            anthropic.AsyncAnthropic(base_url=f"{gateway.url}/anthropic", api_key=KEY, max_retries=0) as sdk,
        ):
            answer = await sdk.messages.with_raw_response.count_tokens(model=MESSAGES_MODEL, messages=ASK)
            assert (await answer.parse()).input_tokens == 7
            assert "x-sluicegate-estimated" not in answer.headers
            with pytest.raises(anthropic.PermissionDeniedError):
                await sdk.messages.count_tokens(model="other", messages=ASK)
        assert [each.path for each in upstream.requests if each.method == "POST"] == ["/v1/messages/count_tokens"]
