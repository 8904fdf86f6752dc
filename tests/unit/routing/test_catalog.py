import logging
from collections.abc import Callable
from pathlib import Path as FilePath
from typing import Any, TypeVar

import pytest
from sqlalchemy import Connection, Engine, create_engine, insert

from sluicegate.core.dialect import DialectName
from sluicegate.core.identity import RateLimit
from sluicegate.core.provider import Auth, AuthKind, ClientHeader, Credential, Path, Place, Quirk
from sluicegate.routing.catalog import Catalog
from sluicegate.secrets.reference import credential
from sluicegate.store import tables
from tests.support.calls import target

T = TypeVar("T")
OWNED = {"origin": "api", "created_at": 5.5, "updated_at": 5.5}


class Rows:
    """A database as far as the catalogue reads it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def read(self, work: Callable[[Connection], T]) -> T:
        with self.engine.connect() as connection:
            return work(connection)

    def provider(self, name: str, **changes: Any) -> None:
        row: dict[str, Any] = {
            "name": name,
            "kind": "http",
            "dialects": ["openai_chat"],
            "base_url": "http://h/v1",
            "credential": None,
            "credentials": [],
        }
        self._insert(tables.provider, row | {"headers": {}, "place": "cloud", "region": "", "preset": None} | changes)

    def deployment(self, name: str, model: str, provider: str = "p", **changes: Any) -> None:
        row: dict[str, Any] = {"name": name, "model": model, "provider": provider, "upstream_model": "*", "place": "cloud"}
        self._insert(
            tables.deployment,
            row | {"region": "", "order": 0, "weight": 1, "max_output_tokens": 9, "price": None, "rate": {}} | changes,
        )

    def _insert(self, table: Any, row: dict[str, Any]) -> None:
        with self.engine.begin() as connection:
            connection.execute(insert(table), row | OWNED)


@pytest.fixture
def rows(tmp_path: FilePath) -> Any:
    engine = create_engine(f"sqlite:///{tmp_path / 'db'}")
    tables.metadata.create_all(engine)
    yield Rows(engine)
    engine.dispose()


async def test_exact_then_the_longest_pattern(rows: Rows) -> None:
    rows.provider("p")
    for name, model in (("a", "gpt-5"), ("b", "gpt-*"), ("c", "*"), ("d", "gpt-5*"), ("e", "gpt-5")):
        rows.deployment(name, model)
    catalog = Catalog(rows, credential)
    assert catalog.targets("gpt-5") == ()
    await catalog.reload()
    found = {model: [t.deployment for t in catalog.targets(model)] for model in ("gpt-5", "gpt-5-mini", "gpt-4", "x")}
    assert found == {"gpt-5": ["a", "e"], "gpt-5-mini": ["d"], "gpt-4": ["b"], "x": ["c"]}
    assert [(m.name, m.owner, m.created) for m in catalog.models()] == [("gpt-5", "p", 5)]


async def test_a_row_becomes_a_target_and_reload_follows(rows: Rows) -> None:
    made: list[str] = []

    def counted(reference: str) -> Credential:
        made.append(reference)
        return credential(reference)

    rows.provider(
        "p", dialects=["anthropic_messages", "openai_chat"], credential="env:KEY", headers={"x": "y"}, base_url="https://h"
    )
    rows.deployment("a", "m", place="private_cloud", region="eu", order=2, weight=3, upstream_model="up")
    catalog = Catalog(rows, counted)
    await catalog.reload()
    (found,) = catalog.targets("m")
    assert (found.dialects, found.base_url, found.headers, found.place) == (
        (DialectName.ANTHROPIC_MESSAGES, DialectName.OPENAI_CHAT),
        "https://h",
        {"x": "y"},
        Place.PRIVATE_CLOUD,
    )
    assert (found.region, found.order, found.weight, found.upstream_model) == ("eu", 2, 3, "up")
    assert found.credential is not None
    assert found.credential.reference == "env:KEY"
    rows.deployment("b", "n")
    await catalog.reload()
    assert catalog.targets("n")[0].credential is found.credential
    assert made == ["env:KEY"]


async def test_how_a_provider_is_called(rows: Rows) -> None:
    rows.provider(
        "p",
        paths={"openai_chat": {"whole": "/a/{model}", "stream": ""}},
        query={"api-version": "2024-10-21"},
        auth={"kind": "aws", "service": "bedrock"},
        client_headers=["openai-project"],
        quirks=["max_tokens", "no_strict"],
    )
    rows.deployment("a", "m", quirks=["no_sampling", "max_tokens"])
    catalog = Catalog(rows, credential)
    await catalog.reload()
    (found,) = catalog.targets("m")
    assert found.paths == {DialectName.OPENAI_CHAT: Path("/a/{model}")}
    assert (found.query, found.auth) == ("api-version=2024-10-21", Auth(AuthKind.AWS, service="bedrock"))
    assert found.client_headers == (ClientHeader.OPENAI_PROJECT,)
    assert found.quirks == (Quirk.MAX_TOKENS, Quirk.NO_STRICT, Quirk.NO_SAMPLING)


async def test_a_row_that_cannot_be_used_is_left_out_and_named(rows: Rows, caplog: pytest.LogCaptureFixture) -> None:
    rows.provider("p")
    rows.provider("odd", dialects=["morse"])
    rows.provider("mute", dialects=[])
    rows.provider("quirky", quirks=["odd"])
    rows.provider("hidden", auth={"kind": "guess"})
    rows.deployment("d", "m", "quirky")
    rows.deployment("e", "m", "hidden")
    rows.deployment("a", "m", "odd")
    rows.deployment("c", "m", "mute")
    rows.deployment("b", "m")
    catalog = Catalog(rows, credential)
    with caplog.at_level(logging.ERROR):
        await catalog.reload()
    assert [t.deployment for t in catalog.targets("m")] == ["b"]
    assert [record.__dict__["deployment"] for record in caplog.records] == ["a", "c", "d", "e"]


async def test_what_is_offered_comes_after_what_is_declared(rows: Rows) -> None:
    rows.provider("p")
    rows.deployment("a", "llama")
    catalog = Catalog(rows, credential)
    await catalog.reload()
    other = target(deployment="ollama/llama", provider="ollama")
    catalog.offer({"llama": other, "ollama/llama": other})
    assert [t.deployment for t in catalog.targets("llama")] == ["a"]
    assert catalog.targets("ollama/llama") == (other,)
    assert [(m.name, m.owner) for m in catalog.models()] == [("llama", "p"), ("ollama/llama", "ollama")]


async def test_a_deployment_is_found_by_its_name(rows: Rows) -> None:
    rows.provider("p")
    rows.deployment("a", "gpt-5")
    rows.deployment("b", "gpt-*")
    catalog = Catalog(rows, credential)
    await catalog.reload()
    catalog.offer({"llama": target(deployment="ollama/llama")})
    found = [catalog.deployment(name) for name in ("a", "b", "ollama/llama", "gpt-5", "c")]
    assert [each and each.deployment for each in found] == ["a", "b", "ollama/llama", None, None]


async def test_a_provider_s_name_in_front_asks_for_the_model_there(rows: Rows) -> None:
    for name in ("p", "q"):
        rows.provider(name)
    rows.deployment("a", "gpt-5", "p", upstream_model="gpt-5-2026")
    rows.deployment("b", "gpt-5", "q", upstream_model="gpt-5")
    rows.deployment("c", "gpt-*", "q")
    rows.deployment("d", "q/own", "p")
    catalog = Catalog(rows, credential)
    await catalog.reload()

    def found(model: str) -> list[tuple[str, str]]:
        return [(t.deployment, t.upstream_model) for t in catalog.targets(model)]

    assert found("p/gpt-5") == [("a", "gpt-5-2026")]
    assert found("q/gpt-5") == [("b", "gpt-5")]
    assert found("q/gpt-4") == [("c", "gpt-4")]
    assert found("q/own") == [("d", "*")]
    assert found("gpt-4") == [("c", "*")]
    for unknown in ("p/gpt-4", "r/gpt-5", "p/", "/gpt-5", "p/q/gpt-5"):
        assert found(unknown) == []


async def test_a_target_for_each_credential_of_the_provider(rows: Rows) -> None:
    rows.provider("p", credentials=["env:A", "env:B"])
    rows.provider("q", credential="env:A")
    rows.deployment("a", "m", rate={"requests_per_minute": 5, "tokens_per_minute": None, "concurrent": None})
    rows.deployment("b", "m", "q", order=1)
    catalog = Catalog(rows, credential)
    await catalog.reload()
    targets = catalog.targets("m")
    shown = [(t.circuit, t.credential.reference if t.credential else None) for t in targets]
    assert shown == [("a#1", "env:A"), ("a#2", "env:B"), ("b", "env:A")]
    assert targets[0].credential is targets[2].credential
    assert [t.rate for t in targets] == [RateLimit(5), RateLimit(5), None]
