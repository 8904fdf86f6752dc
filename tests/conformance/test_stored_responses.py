"""Stored answers of the Responses API: bound to the use case that made them, asked only of the provider that keeps them."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import openai
import pytest
import pytest_asyncio

from sluicegate.identity.keys import mint
from tests.support import responses
from tests.support.gateway import CHAT_MODEL, KEY, RESPONSES_MODEL, Gateway, governed, running
from tests.support.upstream import Upstream, chat_answer, json_reply, responses_answer, responses_stream, sse_reply

pytestmark = pytest.mark.asyncio(loop_scope="module")

OTHER, LACKING = mint(), mint()
"""Keys of another use case, and of one without stored state."""
ID = "resp_1abc2def"


@dataclass
class Stores:
    """A provider that keeps answers, another one, and the gateway before both."""

    keeping: Upstream
    other: Upstream
    gateway: Gateway

    def client(self, key: str = KEY) -> openai.AsyncOpenAI:
        return openai.AsyncOpenAI(base_url=f"{self.gateway.url}/v1", api_key=key, max_retries=0)


def settings(keeping: str, other: str) -> Mapping[str, Any]:
    made = governed(keeping, features=["tools", "stored_state"], system_prompt="ours")
    case, key = made["use_cases"][0], made["keys"][0]
    for name, secret, features in (("other", OTHER, case["features"]), ("lacking", LACKING, ["tools"])):
        made["use_cases"].append({**case, "name": name, "features": features})
        made["keys"].append({**key, "name": name, "use_case": name, "sha256": sha256(secret.encode()).hexdigest()})
    elsewhere = {"name": "elsewhere", "dialects": ["openai_responses"], "base_url": f"{other}/v1", "place": "on_prem"}
    made["providers"].append(elsewhere)
    deployment = {"name": "elsewhere", "model": "gpt-test*", "provider": "elsewhere", "upstream_model": "*", "order": 1}
    made["deployments"].append({**deployment, "price": {"input": "1", "output": "2"}})
    return made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stores(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stores]:
    async with Upstream() as keeping, Upstream() as other:
        configured = settings(keeping.base_url, other.base_url)
        async with running(tmp_path_factory.mktemp("gateway"), configured) as gateway:
            yield Stores(keeping, other, gateway)


@pytest.fixture(autouse=True)
def forget(stores: Stores) -> None:
    for upstream in (stores.keeping, stores.other):
        upstream.script()
        upstream.requests.clear()


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_is_kept_read_gone_on_with_cancelled_and_deleted(stores: Stores, stream: bool) -> None:
    kept = responses.response([responses.message("hello")], instructions="ours", store=True)
    stores.keeping.script(
        responses_stream(["he", "llo"]) if stream else responses_answer("hello"),
        json_reply(kept),
        json_reply(
            {"object": "list", "data": [responses.message("hi")], "first_id": "a", "last_id": "b", "has_more": False}
        ),
        responses_answer("again"),
        json_reply(responses.response([], status="cancelled")),
        json_reply({"id": ID, "object": "response", "deleted": True}),
    )
    async with stores.client() as sdk:
        if stream:
            async with sdk.responses.stream(model=RESPONSES_MODEL, input="Hello") as events:
                made: Any = await events.get_final_response()
        else:
            made = await sdk.responses.create(model=RESPONSES_MODEL, input="Hello", store=True)
        read = await sdk.responses.retrieve(made.id, include=["reasoning.encrypted_content"])
        items = [item async for item in sdk.responses.input_items.list(made.id, limit=5, order="asc")]
        more = await sdk.responses.create(model=RESPONSES_MODEL, input="And?", previous_response_id=made.id)
        cancelled = await sdk.responses.cancel(made.id)
        await sdk.responses.delete(made.id)
    assert (read.output_text, read.instructions, more.output_text, cancelled.status) == ("hello", None, "again", "cancelled")
    assert len(items) == 1
    asked = [(request.method, request.path) for request in stores.keeping.requests]
    assert asked == [
        ("POST", "/v1/responses"),
        ("GET", f"/v1/responses/{ID}?include[]=reasoning.encrypted_content"),
        ("GET", f"/v1/responses/{ID}/input_items?limit=5&order=asc"),
        ("POST", "/v1/responses"),
        ("POST", f"/v1/responses/{ID}/cancel"),
        ("DELETE", f"/v1/responses/{ID}"),
    ]
    assert "store" not in stores.keeping.requests[0].json() or not stream
    assert stores.keeping.requests[3].json()["previous_response_id"] == ID
    assert not stores.other.requests


async def test_a_stored_stream_is_read_and_inspected(stores: Stores) -> None:
    secret = "AKIA" + "IOSFODNN7" + "QXMPLQ2"
    said = responses.framed(responses.events([responses.message(f"The key is {secret} as you know.")]))
    stores.keeping.script(responses_answer("hello"), sse_reply(said))
    async with stores.client() as sdk:
        made = await sdk.responses.create(model=RESPONSES_MODEL, input="Hello")
        events = [event async for event in await sdk.responses.retrieve(made.id, stream=True)]
        with pytest.raises(openai.BadRequestError):
            await sdk.responses.retrieve(made.id, stream=True, starting_after=3)
    assert events[-1].type == "response.completed"
    assert not any(secret[4:9] in repr(event) for event in events)
    assert stores.keeping.requests[1].path == f"/v1/responses/{ID}?stream=true"


async def test_another_tenants_answer_is_as_unknown_as_any(stores: Stores) -> None:
    stores.keeping.script(responses_answer("hello"))
    async with stores.client() as mine, stores.client(OTHER) as theirs:
        made = await mine.responses.create(model=RESPONSES_MODEL, input="Hello")
        told = []
        for id, sdk in ((made.id, theirs), ("resp_never", theirs), ("resp_never", mine)):
            for asking in (
                sdk.responses.retrieve(id),
                sdk.responses.delete(id),
                sdk.responses.cancel(id),
                sdk.responses.create(model=RESPONSES_MODEL, input="And?", previous_response_id=id),
            ):
                with pytest.raises(openai.NotFoundError) as error:
                    await asking
                told.append((error.value.code, error.value.message.replace(id, "")))
    assert len({code for code, _ in told}) == 1
    assert told[:4] == told[4:8] == told[8:]
    assert len(stores.keeping.requests) == 1


async def test_it_goes_to_the_provider_that_keeps_it_though_another_stands_first(stores: Stores) -> None:
    stores.keeping.script(json_reply({"error": {"message": "busy"}}, 503))
    stores.other.script(responses_answer("hello"), responses_answer("again"))
    async with stores.client() as sdk:
        made = await sdk.responses.create(model=RESPONSES_MODEL, input="Hello")
        stores.keeping.script(responses_answer("wrong"))
        more = await sdk.responses.create(model=RESPONSES_MODEL, input="And?", previous_response_id=made.id)
    assert more.output_text == "again"
    assert len(stores.other.requests) == 2


async def test_a_use_case_without_stored_state_keeps_nothing(stores: Stores) -> None:
    stores.keeping.script(responses_answer("hello"))
    async with stores.client(LACKING) as sdk:
        made = await sdk.responses.create(model=RESPONSES_MODEL, input="Hello")
        for asking in (sdk.responses.retrieve(made.id), sdk.responses.delete(made.id)):
            with pytest.raises(openai.PermissionDeniedError) as error:
                await asking
            assert error.value.code == "feature_not_allowed"
    assert [json.loads(request.body).get("store") for request in stores.keeping.requests] == [False]


async def test_a_provider_that_keeps_nothing_is_asked_for_nothing(stores: Stores) -> None:
    stores.keeping.script(chat_answer("hello"))
    async with stores.client() as sdk:
        made = await sdk.responses.create(model=CHAT_MODEL, input="Hello")
        with pytest.raises(openai.NotFoundError):
            await sdk.responses.retrieve(made.id)
        with pytest.raises(openai.BadRequestError) as error:
            await sdk.responses.create(model=CHAT_MODEL, input="Hello", store=True)
    assert error.value.param == "store"


async def test_an_answer_that_does_not_say_what_it_is_does_not_leave(stores: Stores) -> None:
    body = responses.response([responses.message("hello")])
    for upstream in (stores.keeping, stores.other):
        upstream.script(json_reply({**body, "id": "odd id"}))
    async with stores.client() as sdk:
        with pytest.raises(openai.InternalServerError):
            await sdk.responses.create(model=RESPONSES_MODEL, input="Hello")
