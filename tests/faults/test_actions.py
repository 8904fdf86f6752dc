"""Through a whole gateway: values go out as placeholders and come back, and what must stay at home goes nowhere else."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support import in_process
from tests.support.guardrails import CARD, EMAIL
from tests.support.upstream import Upstream

POLICY = """
policies: {default: {prompt: {card: tokenise, email: {action: reroute, mode: %s}}, answer: {}}}
"""


def client(folder: Path, mode: str, **more: Any) -> AbstractAsyncContextManager[httpx.AsyncClient]:
    """A client of a gateway with the demo model and this policy; e-mail is to stay on premises where `mode` enforces."""
    return in_process.client(folder, POLICY % mode, {}, **more)


def asking(text: str, model: str = "demo", **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": text}], **more}


@pytest.mark.parametrize("stream", [True, False])
async def test_the_client_reads_its_value_and_is_told(tmp_path: Path, stream: bool) -> None:
    async with client(tmp_path, "shadow") as to:
        asked = asking(f"repeat <CARD_1> and {CARD} for {EMAIL}", stream=stream)
        answer = await to.post("/v1/chat/completions", json=asked, headers={"x-sluicegate-session": "s"})
    assert answer.status_code == 200
    assert "s4_inspect_prompt=prompt_tokenised" in answer.headers["x-sluicegate-decisions"]
    if not stream:
        said = answer.json()["choices"][0]["message"]["content"]
        assert f"<CARD_1> and {CARD} for {EMAIL}" in said
    else:
        assert "CARD_2" not in answer.text
        assert "4111" in answer.text


async def test_a_session_without_a_name_is_refused(tmp_path: Path) -> None:
    async with client(tmp_path, "shadow") as to:
        answer = await to.post("/v1/chat/completions", json=asking("hi"), headers={"x-sluicegate-session": "a b"})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_field"


async def test_what_must_stay_on_premises_never_reaches_a_cloud(tmp_path: Path) -> None:
    async with Upstream() as upstream:
        provider = {"name": "far", "dialects": ["openai_chat"], "base_url": f"{upstream.base_url}/v1"}
        deployment = {"name": "far", "model": "demo-far", "provider": "far", "place": "cloud"}
        models = {"providers": (provider,), "deployments": (deployment,), "limits": {"unknown_price": "ceiling"}}
        async with client(tmp_path, "enforce", **models) as to:
            answer = await to.post("/v1/chat/completions", json=asking(f"write to {EMAIL}", "demo-far"))
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "no_permitted_route")
            assert upstream.hits == 0
            near = await to.post("/v1/chat/completions", json=asking(f"write to {EMAIL}"))
            assert near.status_code == 200
            assert "prompt_rerouted" in near.headers["x-sluicegate-decisions"]
