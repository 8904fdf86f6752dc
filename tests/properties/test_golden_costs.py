"""What an answer of each provider costs, with what was cached and what was thought, by the price list that is locked.

Each file holds an answer's report of tokens as the vendor sends it, the sum in millionths of a dollar, and its nano-dollars.
A new version of the list may change prices: then the sums are worked out anew.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from genai_prices.data_snapshot import DataSnapshot, get_snapshot

from sluicegate.core.dialect import Answers, DialectName
from sluicegate.core.event import whole
from sluicegate.core.usage import Usage
from sluicegate.dialects.anthropic_messages import AnthropicMessages
from sluicegate.dialects.bedrock_converse import BedrockConverse
from sluicegate.dialects.gemini import Gemini
from sluicegate.dialects.openai_chat import OpenAIChat
from sluicegate.dialects.openai_responses import OpenAIResponses
from sluicegate.limits.price_list import find
from sluicegate.limits.prices import parse
from sluicegate.providers.presets import presets

FILES = sorted((Path(__file__).parents[1] / "golden" / "costs").glob("*.json"))
NOW = datetime(2026, 11, 1, tzinfo=UTC)
DIALECTS: dict[DialectName, Answers] = {
    DialectName.OPENAI_CHAT: OpenAIChat(),
    DialectName.OPENAI_RESPONSES: OpenAIResponses(),
    DialectName.ANTHROPIC_MESSAGES: AnthropicMessages(),
    DialectName.GEMINI: Gemini("m"),
    DialectName.BEDROCK_CONVERSE: BedrockConverse(),
}


@pytest.fixture(scope="module")
def snapshot() -> DataSnapshot:
    return get_snapshot()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_an_answer_costs(path: Path, snapshot: DataSnapshot) -> None:
    case: dict[str, Any] = json.loads(path.read_bytes())
    dialect = DialectName(case["dialect"])
    assert dialect in presets()[case["preset"]].dialects
    listed = find(snapshot, {"preset": case["preset"], "url": case["url"], "model": case["model"]}, NOW)
    assert listed is not None
    usage = DIALECTS[dialect].usage(whole(case["answer"]), Usage(estimated=True))
    assert not usage.estimated
    assert parse(listed).cost(usage) == case["nano_usd"], case["sum"]


def test_every_vendor_whose_prices_are_listed_is_among_them() -> None:
    """Local servers cost nothing that is billed; the list has no price for one of the others' usual models."""
    shown = {json.loads(path.read_bytes())["preset"] for path in FILES}
    like = {"azure": "azure-deployments", "aws-anthropic": "aws", "vertex": "google"}
    missing = {name for name, preset in presets().items() if preset.place == "cloud" and like.get(name, name) not in shown}
    assert missing == {"fireworks"}
