"""Every surface, streamed and not, through every control: one that is mounted without a recipe here fails.

What is shown on each: the rate (429), the budget (402), prompts refused and redacted, answers redacted and refused, both
audit entries, and the cost.
"""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from sluicegate.mounted import surfaces
from sluicegate.web.surface import Surface
from tests.conformance.conftest import Bench
from tests.support import evidence
from tests.support.gateway import KEY, running
from tests.support.guardrails import AWS, CARD, IBAN
from tests.support.recipes import ELSEWHERE, RECIPES, Recipe
from tests.support.small import small
from tests.support.upstream import Request, Upstream

pytestmark = pytest.mark.asyncio(loop_scope="module")

POLICY = """
policies:
  default:
    prompt: {card: redact, credential: block}
    answer: {card: redact, iban: block}
"""
PREFIXES = ("/openai", "/anthropic", "/gemini")


def bare(path: str) -> str:
    """A surface's path without its vendor's prefix."""
    return next((path.removeprefix(prefix) for prefix in PREFIXES if path.startswith(f"{prefix}/")), path)


def walked() -> Iterator[tuple[Surface, Recipe]]:
    """Every surface with each of its recipes."""
    for surface in surfaces():
        for recipe in RECIPES.get(bare(surface.path), ()):
            if recipe.method == surface.method:
                yield surface, recipe


WALKED = list(walked())
NAMES = [f"{surface.method} {surface.path}{' streamed' if recipe.stream else ''}" for surface, recipe in WALKED]
EACH = pytest.mark.parametrize(("surface", "recipe"), WALKED, ids=NAMES)


def some(*walked: tuple[Surface, Recipe]) -> pytest.MarkDecorator:
    """Those of the walk that a control has something to do for."""
    return pytest.mark.parametrize(("surface", "recipe"), walked, ids=[NAMES[WALKED.index(each)] for each in walked])


CALLING = some(*(each for each in WALKED if not each[1].own))
"""Those for which something leaves for a provider."""
SPEAKING = some(*(each for each in WALKED if each[1].words))
"""Those whose answers have words."""


async def test_every_surface_has_a_recipe() -> None:
    reached = {(surface.method, surface.path) for surface, _ in WALKED}
    mounted = {(surface.method, surface.path) for surface in surfaces() if bare(surface.path) not in ELSEWHERE}
    assert reached == mounted, "write a recipe into tests/support/recipes.py"
    assert {bare(path) for _, path in mounted}.isdisjoint(ELSEWHERE)


async def _bench(folder: Path, **key: Any) -> AsyncIterator[Bench]:
    (folder / "policies.yaml").write_text(POLICY)
    async with Upstream() as upstream:
        models = ["test-*", "claude-*", "gpt-test*", "small-*"]
        settings = small(upstream.base_url, key=key, models=models)
        settings["dlp"] = {"policies": str(folder / "policies.yaml")}
        next(p for p in settings["providers"] if p["name"] == "messages")["dialects"].append("anthropic_count_tokens")
        async with running(folder / "gateway", settings) as gateway:
            yield Bench(upstream, gateway)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    async for made in _bench(tmp_path_factory.mktemp("plain")):
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hurried(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    """Its key may ask once a minute, and has."""
    async for made in _bench(tmp_path_factory.mktemp("hurried"), rate={"requests_per_minute": 1}):
        first = await ask(made, *WALKED[0], "Hello")
        assert first.status_code == 200
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def poor(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    """Its key may spend nothing to speak of."""
    budgets = [{"period": "total", "usd": "0.000000001"}]
    async for made in _bench(tmp_path_factory.mktemp("poor"), budgets=budgets):
        yield made


def called(bench: Bench) -> list[Request]:
    """The calls that reached the provider; it is also asked whether it is well."""
    return [request for request in bench.upstream.requests if "x-sluicegate-exchange" in request.headers]


async def ask(bench: Bench, surface: Surface, recipe: Recipe, text: str, answer: str = "hello") -> httpx.Response:
    """What a surface answers, whose provider says `answer`."""
    prefix = surface.path.removesuffix(bare(surface.path))
    body, headers = recipe.body(text)
    bench.upstream.requests.clear()
    bench.upstream.script(recipe.reply(answer))
    async with httpx.AsyncClient(base_url=bench.gateway.url, timeout=30) as client:
        path = prefix + (recipe.path or bare(surface.path))
        return await client.request(
            surface.method, path, content=body, headers={**headers, "authorization": f"Bearer {KEY}"}
        )


@EACH
async def test_it_answers_and_is_recorded_and_charged(bench: Bench, surface: Surface, recipe: Recipe) -> None:
    answer = await ask(bench, surface, recipe, "Hello")
    assert answer.status_code == 200, answer.text
    assert len(called(bench)) == (0 if recipe.own else 1)
    intent, outcome = evidence.of(bench.gateway.directory, answer.headers["x-sluicegate-exchange"])
    assert (intent["kind"], outcome["kind"], outcome["outcome"]) == ("intent", "outcome", "answered")
    assert intent["surface"] == surface.path
    assert (outcome.get("nano_usd", 0) > 0) is not recipe.free
    judged = {each["stage"] for each in (*intent["decisions"], *outcome["decisions"])}
    assert {"s1_authenticate", "s2_scope", "s3_limit", "s4_inspect_prompt", "s5_route", "s7_inspect_response"} <= judged


@EACH
async def test_without_a_key_nothing(bench: Bench, surface: Surface, recipe: Recipe) -> None:
    body, headers = recipe.body("Hello")
    prefix = surface.path.removesuffix(bare(surface.path))
    path = prefix + (recipe.path or bare(surface.path))
    async with httpx.AsyncClient(base_url=bench.gateway.url) as client:
        answer = await client.request(surface.method, path, content=body, headers=headers)
    assert answer.status_code == 401


@EACH
async def test_a_prompt_is_refused(bench: Bench, surface: Surface, recipe: Recipe) -> None:
    if recipe.method != "POST":
        async with httpx.AsyncClient(base_url=bench.gateway.url) as client:
            asked = {"note": f"key {AWS}"}
            path = surface.path.removesuffix(bare(surface.path)) + recipe.path
            answer = await client.get(path, params=asked, headers={"authorization": f"Bearer {KEY}"})
    else:
        answer = await ask(bench, surface, recipe, f"My key is {AWS} now.")
    assert (answer.status_code, answer.headers["x-sluicegate-reason"]) == (400, "prompt_blocked")
    assert AWS not in answer.text
    assert called(bench) == []


@CALLING
async def test_a_prompt_is_redacted(bench: Bench, surface: Surface, recipe: Recipe) -> None:
    answer = await ask(bench, surface, recipe, f"My card is {CARD} now.")
    assert answer.status_code == 200, answer.text
    assert "s4_inspect_prompt=prompt_redacted" in answer.headers["x-sluicegate-decisions"]
    [sent] = called(bench)
    assert CARD.encode() not in sent.body
    assert b"My card is [" in sent.body


@SPEAKING
async def test_an_answer_is_redacted(bench: Bench, surface: Surface, recipe: Recipe) -> None:
    answer = await ask(bench, surface, recipe, "Hello", f"Your card is {CARD} now.")
    assert answer.status_code == 200, answer.text
    assert CARD not in answer.text
    assert "Your card is [" in answer.text
    _, outcome = evidence.of(bench.gateway.directory, answer.headers["x-sluicegate-exchange"])
    assert "answer_redacted" in {each["reason"] for each in outcome["decisions"]}


@SPEAKING
async def test_an_answer_is_refused(bench: Bench, surface: Surface, recipe: Recipe) -> None:
    answer = await ask(bench, surface, recipe, "Hello", f"Send it to {IBAN} now.")
    assert IBAN not in answer.text
    assert "answer_blocked" in answer.text
    _, outcome = evidence.of(bench.gateway.directory, answer.headers["x-sluicegate-exchange"])
    assert (outcome["outcome"], outcome["reason"]) == ("refused", "answer_blocked")


@EACH
async def test_a_rate_is_kept(hurried: Bench, surface: Surface, recipe: Recipe) -> None:
    answer = await ask(hurried, surface, recipe, "Hello")
    assert (answer.status_code, answer.headers["x-sluicegate-reason"]) == (429, "rate_requests")
    assert int(answer.headers["retry-after"]) > 0


@EACH
async def test_a_budget_is_kept(poor: Bench, surface: Surface, recipe: Recipe) -> None:
    answer = await ask(poor, surface, recipe, "Hello")
    if recipe.free:
        assert answer.status_code == 200, answer.text
    else:
        assert (answer.status_code, answer.headers["x-sluicegate-reason"]) == (402, "budget_exceeded")
        assert called(poor) == []
