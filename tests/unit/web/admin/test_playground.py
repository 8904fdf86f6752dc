"""The playground: what a policy would do, told and forgotten."""

import json
import logging
from typing import Any

import pytest

from sluicegate.store import tables
from tests.support.administration import World

PATH = "/api/v1/guardrails/try"
SAID = "ticket T-12345, write to bob@example.org"


async def attempt(world: World, user: str = "auditor@all", **body: Any) -> Any:
    async with world.client(user) as client:
        content = json.dumps(body)  # in which half of a surrogate pair can be written
        return await client.post(PATH, content=content, headers={"content-type": "application/json"})


async def test_a_text_is_judged_by_what_is_in_force(world: World) -> None:
    said = (await attempt(world, text=SAID)).json()
    assert (said["policy"], said["verdict"], said["reason"]) == ("default", "deny", "prompt_blocked")
    assert said["version"] == world.policies.version
    assert said["text"] is None
    found = [(each["path"], each["rule"], each["action"], SAID[each["start"] : each["end"]]) for each in said["findings"]]
    where = "messages[0].content"
    assert found == [(where, "ticket", "block", "T-12345"), (where, "email_address", "alert", "bob@example.org")]
    assert said["findings"][0]["severity"] == "low"
    assert said["complete"]
    answered = (await attempt(world, text=SAID, direction="answer")).json()
    assert (answered["verdict"], answered["text"]) == ("redact", "ticket [TICKET], write to bob@example.org")
    assert [each["path"] for each in answered["findings"]] == ["choices[0].message.content"]


async def test_places_are_code_points(world: World) -> None:
    said = "🦊é T-1234"
    (found,) = (await attempt(world, text=said)).json()["findings"]
    assert said[found["start"] : found["end"]] == "T-1234"


async def test_a_document_that_is_only_written_down(world: World) -> None:
    document = {
        "prompt": {"badge": {"action": "block", "mode": "shadow"}, "ticket": "redact"},
        "answer": {},
        "overrides": [{"teams": ["blue"], "roles": ["developer"], "prompt": {"badge": "block"}}],
        "rules": [{"id": "badge", "kind": "badge", "severity": "high", "label": "BADGE", "pattern": "B-[0-9]{4}"}],
    }
    version = world.policies.version
    said = (await attempt(world, text="B-1234 T-1234", document=document)).json()
    assert (said["verdict"], said["text"], said["edited"]) == ("redact", "B-1234 [TICKET]", True)
    assert [(each["rule"], each["mode"]) for each in said["findings"]] == [("badge", "shadow"), ("ticket", "enforce")]
    other = (await attempt(world, text="B-1234", document=document, team="blue", role="developer")).json()
    assert other["verdict"] == "deny"
    assert (await attempt(world, text="B-1234", document={**document, "answer": {"x": "block"}})).status_code == 422
    assert world.policies.version == version


async def test_a_whole_request(world: World) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"to": {"who": "T-1234"}}'}}
    request = {
        "model": "m",
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "hello"}, {"type": "text", "text": "T-5678"}]},
            {"role": "assistant", "tool_calls": [call]},
        ],
    }
    document = {"prompt": {"ticket": "redact"}, "answer": {}}
    said = (await attempt(world, request=request, document=document)).json()
    assert [each["path"] for each in said["findings"]] == [
        "messages[0].content[1].text",
        "messages[1].tool_calls[0].function.arguments → $.to.who",
    ]
    assert said["request"]["messages"][0]["content"][1]["text"] == "[TICKET]"
    assert said["text"] is None
    messages = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "T-1234"}]}
    said = (await attempt(world, request=messages, dialect="anthropic_messages", document=document)).json()
    assert said["request"]["messages"][0]["content"] == "[TICKET]"
    answer = {"content": [{"type": "text", "text": "T-1234"}], "role": "assistant"}
    said = (await attempt(world, request=answer, dialect="anthropic_messages", direction="answer")).json()
    assert said["request"]["content"][0]["text"] == "[TICKET]"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"text": "x", "request": {}},
        {"text": "x", "policy": "nobody"},
        {"text": "x", "policy": "default", "document": {"prompt": {}, "answer": {}}},
        {"text": "x" * 262_145},
        {"text": "x", "document": {"prompt": {"\ud800": "block"}, "answer": {}}},
        {"request": {"messages": []}},
        {"request": {"input": "x"}, "dialect": "openai_moderations"},
        {"request": {"model": "m", "messages": "x"}},
        {"request": {"model": "m", "messages": [{"role": "user", "content": "\ud800"}]}},
        {"text": "x", "more": 1},
    ],
)
async def test_what_cannot_be_tried(world: World, body: dict[str, Any]) -> None:
    answer = await attempt(world, **body)
    assert answer.status_code == 422, answer.text


async def test_the_policies_are_those_within_reach(world: World) -> None:
    await world.stored.load()
    assert (await attempt(world, "owner@a", text="T-1234", policy="mine")).json()["verdict"] == "redact"
    assert (await attempt(world, text="T-1234", policy="mine")).status_code == 422
    of_a = {"policy": "mine", "organisation_id": world.a.organisation}
    assert (await attempt(world, text="T-1234", **of_a)).status_code == 200
    assert (await attempt(world, "owner@a", text="x", organisation_id=world.b.organisation)).status_code == 404


async def test_nothing_of_it_is_kept(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    before = await world.rows(lambda c: [len(c.execute(table.select()).all()) for table in tables.metadata.sorted_tables])
    assert (await attempt(world, text=SAID, direction="answer")).status_code == 200
    assert (await attempt(world, text=SAID)).status_code == 200
    await world.context.log.settle()
    after = await world.rows(lambda c: [len(c.execute(table.select()).all()) for table in tables.metadata.sorted_tables])
    assert before == after
    assert "T-12345" not in caplog.text
