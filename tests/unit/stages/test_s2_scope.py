"""s2_scope: the use case holds."""

import json
from ipaddress import ip_network
from typing import Any

import pytest

from sluicegate.core.arguments import Arguments
from sluicegate.core.decision import Reason, Verdict
from sluicegate.core.dialect import Dialect, Feature, SystemMode
from sluicegate.core.errors import GatewayError, InvalidRequest
from sluicegate.core.exchange import Arrival, Exchange, Kept
from sluicegate.core.identity import Classification, Grant, RateLimit, UseCase
from sluicegate.dialects.anthropic_messages import AnthropicMessages
from sluicegate.dialects.openai_chat import OpenAIChat
from sluicegate.dialects.openai_responses import OpenAIResponses
from sluicegate.dialects.openai_stored import StoredResponse
from sluicegate.identity.use_cases import wildcards
from sluicegate.settings import Server
from sluicegate.stages.s2_scope import NAMED, Scope

SECRET = "my " + "secret text"


def grant(**changes: Any) -> Grant:
    binding: dict[str, Any] = {
        "id": "1",
        "name": "case",
        "version": 4,
        "purpose": "test",
        "classification": Classification.INTERNAL,
        "system_prompt": None,
        "system_mode": SystemMode.APPEND,
        "models": wildcards(["demo*"]),
        "features": frozenset({Feature.TOOLS}),
        "tools": None,
        "networks": (),
        "guardrail": "default",
    }
    return Grant(
        key_id="k",
        key_name="k",
        organisation="o",
        team="t",
        principal="user:x",
        use_case=UseCase(**(binding | changes)),
        rate=RateLimit(),
        budgets=(),
        expires_at=None,
    )


def exchange(
    body: Any = None,
    *,
    peer: str = "192.0.2.1",
    dialect: Dialect | None = None,
    fault: GatewayError | None = None,
    more: dict[str, Any] | None = None,
    **binding: Any,
) -> Exchange:
    document = {"model": "demo", "messages": [{"role": "user", "content": SECRET}], **(more or {})}
    raw = body if isinstance(body, bytes) else json.dumps(document).encode()
    made = Exchange("e", dialect or OpenAIChat(), Arrival("/v1/chat/completions", peer, {}, raw, fault))
    made.grant = grant(**binding)
    return made


def tools(*names: str) -> dict[str, Any]:
    return {"tools": [{"type": "function", "function": {"name": name, "parameters": {}}} for name in names]}


async def refused(made: Exchange) -> Reason | None:
    decision = await Scope(Server()).admit(made)
    assert SECRET not in repr(decision)
    return decision.reason if decision.verdict is Verdict.DENY else None


async def test_what_is_learnt() -> None:
    made = exchange()
    decision = await Scope(Server()).admit(made)
    assert (decision.verdict, decision.reason) == (Verdict.ALLOW, Reason.SCOPED)
    assert decision.detail == {
        "use_case": "case",
        "version": 4,
        "system_injected": 0,
        "system_dropped": 0,
        "system_appended": 0,
    }
    assert made.ask.model == "demo"
    assert made.document["model"] == "demo"
    assert not made.edited


@pytest.mark.parametrize("model", ["gpt-5", "Demo", "xdemo", "", "demo" * 1_000, SECRET])
async def test_models(model: str) -> None:
    made = exchange(more={"model": model})
    try:
        assert await refused(made) is Reason.MODEL_NOT_ALLOWED
    except InvalidRequest as error:
        assert model == ""  # a dialect may refuse it before the allowlist is asked
        assert error.field == "model"


async def test_a_use_case_that_is_not_active() -> None:
    made = exchange(b"not json", active=False)
    assert await refused(made) is Reason.USE_CASE_INACTIVE
    assert not made.knows("document")


@pytest.mark.parametrize(
    ("peer", "allowed"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("fd00::1", True),
        ("fd00::1%eth0", True),
        ("11.0.0.1", False),
        ("::ffff:11.0.0.1", False),
        ("::1", False),
        ("", False),
        ("10.1.2.3.example", False),
        ("10.1", False),
        ("010.1.2.3", False),
    ],
)
async def test_networks(peer: str, allowed: bool) -> None:
    networks = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
    made = exchange(peer=peer, networks=networks)
    assert await refused(made) is (None if allowed else Reason.NETWORK_NOT_ALLOWED)


async def test_the_network_is_checked_before_anything_of_the_request() -> None:
    made = exchange(b"not json", networks=(ip_network("10.0.0.0/8"),), fault=InvalidRequest(Reason.TOO_LARGE, "x"))
    assert await refused(made) is Reason.NETWORK_NOT_ALLOWED


async def test_what_http_found_wrong_is_raised() -> None:
    fault = InvalidRequest(Reason.TOO_LARGE, "x")
    with pytest.raises(InvalidRequest) as caught:
        await Scope(Server()).admit(exchange(b"not json", fault=fault))
    assert caught.value is fault


@pytest.mark.parametrize("body", [b"", b"x", b"[]", b'{"model": "demo", "model": "gpt-5", "messages": []}', b'{"model": 1}'])
async def test_a_body_that_cannot_be_read(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        await Scope(Server()).admit(exchange(body))


async def test_the_bounds_come_from_the_settings() -> None:
    with pytest.raises(InvalidRequest) as caught:
        await Scope(Server(max_json_depth=2)).admit(exchange())
    assert caught.value.reason is Reason.TOO_DEEP
    with pytest.raises(InvalidRequest) as caught:
        await Scope(Server(max_json_values=3)).admit(exchange())
    assert caught.value.reason is Reason.TOO_DEEP


async def test_features() -> None:
    assert await refused(exchange(more=tools("read"))) is None
    assert await refused(exchange(more=tools("read"), features=frozenset())) is Reason.FEATURE_NOT_ALLOWED
    assert await refused(exchange(more={"store": True})) is Reason.FEATURE_NOT_ALLOWED
    assert await refused(exchange(more={"store": True}, features=frozenset(Feature))) is None
    decision = await Scope(Server()).admit(exchange(more={"store": True, **tools("a")}, features=frozenset()))
    assert decision.detail["features"] == ("stored_state", "tools")


async def test_tools_by_name() -> None:
    allowed = wildcards(["read_*"])
    assert await refused(exchange(more=tools("read_file", "read_"), tools=allowed)) is None
    assert await refused(exchange(more=tools("read_file", "write_file"), tools=allowed)) is Reason.TOOL_NOT_ALLOWED
    assert await refused(exchange(more=tools("READ_file"), tools=allowed)) is Reason.TOOL_NOT_ALLOWED
    assert await refused(exchange(tools=wildcards([]))) is None
    names = [f"write_{number}" for number in range(50)]
    decision = await Scope(Server()).admit(exchange(more=tools(*names), tools=allowed))
    assert decision.detail["refused"] == 50
    assert decision.detail["tools"] == tuple(names[:NAMED])


async def test_a_name_that_could_be_text_is_told_as_its_digest() -> None:
    decision = await Scope(Server()).admit(exchange(more={"model": SECRET}))
    assert str(decision.detail["model"]).startswith("sha256:")
    decision = await Scope(Server()).admit(exchange(more={"model": "gpt-5"}))
    assert decision.detail["model"] == "gpt-5"


async def test_the_system_prompt_is_bound() -> None:
    theirs = {"messages": [{"role": "System", "content": "theirs"}, {"role": "user", "content": "x"}]}
    made = exchange(more=theirs, system_prompt="ours", system_mode=SystemMode.DROP)
    decision = await Scope(Server()).admit(made)
    assert made.edited
    assert [decision.detail[name] for name in ("system_injected", "system_dropped", "system_appended")] == [1, 1, 0]
    assert "ours" in json.dumps(made.document)
    assert "theirs" not in json.dumps(made.document)
    made = exchange(more=theirs, system_prompt="ours")
    await Scope(Server()).admit(made)
    text = json.dumps(made.document)
    assert text.index("ours") < text.index("theirs")


async def test_anthropic_messages() -> None:
    more = {"max_tokens": 5, "system": "theirs"}
    made = exchange(dialect=AnthropicMessages(), more=more, system_mode=SystemMode.DROP)
    decision = await Scope(Server()).admit(made)
    assert decision.detail["system_dropped"] == 1
    assert made.edited
    assert "system" not in made.document
    assert made.ask.max_tokens == 5


async def test_a_use_case_s_own_name_for_a_model() -> None:
    asked = exchange(more={"model": "fast"}, aliases={"fast": "demo-small", "other": "gpt-5"})
    decision = await Scope(Server()).admit(asked)
    assert decision.reason is Reason.SCOPED
    assert (asked.ask.model, asked.document["model"], asked.renamed) == ("demo-small", "fast", True)
    denied = exchange(more={"model": "other"}, aliases={"other": "gpt-5"})
    assert (await Scope(Server()).admit(denied)).reason is Reason.MODEL_NOT_ALLOWED


class Known:
    """Whose stored answers are, for tests: one answer of this organisation and use case."""

    async def find(self, organisation: str, use_case: str, answer: str) -> Kept | None:
        return Kept("demo", "p", "") if (organisation, use_case, answer) == ("o", "1", "resp_mine") else None


def stored(dialect: Dialect | None = None, features: frozenset[Feature] = frozenset(), **fields: Any) -> Exchange:
    body = json.dumps({"model": "demo", "input": "Hi", **fields}).encode()
    return exchange(body, dialect=dialect or OpenAIResponses(), features=features)


STATE = frozenset({Feature.STORED_STATE})


async def test_what_would_be_stored_unless_told_otherwise_is_told() -> None:
    made = stored()
    await Scope(Server(), Known()).admit(made)
    assert made.document["store"] is False
    assert made.edited
    said = stored(store=False)
    await Scope(Server(), Known()).admit(said)
    assert not said.edited
    allowed = stored(features=STATE)
    await Scope(Server(), Known()).admit(allowed)
    assert "store" not in allowed.document
    chat = exchange()
    await Scope(Server(), Known()).admit(chat)
    assert "store" not in chat.document


@pytest.mark.parametrize("known", [Known(), None])
@pytest.mark.parametrize("answer", ["resp_mine", "resp_other", "x" * 600])
async def test_a_stored_answer_is_found_or_unknown(known: Known | None, answer: str) -> None:
    made = stored(features=STATE, previous_response_id=answer)
    if known and answer == "resp_mine":
        await Scope(Server(), known).admit(made)
        assert made.kept == Kept("demo", "p", "")
        assert (made.arrival.method, made.arrival.tail) == ("POST", "")
        return
    with pytest.raises(InvalidRequest) as caught:
        await Scope(Server(), known).admit(made)
    assert (caught.value.status, caught.value.field) == (404, "previous_response_id")


async def test_what_is_asked_about_a_stored_answer_says_how_the_provider_is_called() -> None:
    asking = StoredResponse.cancelled(Arguments({"id": "resp_mine"}, b"", {}))
    made = stored(asking, features=STATE)
    await Scope(Server(), Known()).admit(made)
    assert (made.arrival.method, made.arrival.tail) == ("POST", "/resp_mine/cancel")
    assert await refused(stored(asking)) is Reason.FEATURE_NOT_ALLOWED
