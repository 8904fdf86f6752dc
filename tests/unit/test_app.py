"""The composition root: what is put together starts, answers and stops."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from sluicegate.app import STAGES, Gateway, prepare
from sluicegate.audit.entry import OUTCOME
from sluicegate.dlp.built_in import built_in
from sluicegate.dlp.policies import Policies
from sluicegate.identity.changes import FILE, ControlChanges
from sluicegate.insight.exposition import exposed
from sluicegate.settings import Settings, SettingsError
from sluicegate.store import migrate, tables
from tests.support.automata import KEPT
from tests.support.installation import Installation


def settings(folder: Path, **more: Any) -> Settings:
    """Settings of a new installation whose schema is made."""
    found = Settings.model_validate({"data_dir": folder / "data", "demo": {"ollama_url": ""}, **more})
    migrate.ensure(found)
    return found


def test_preparing_is_recorded_and_shows_secrets_once(tmp_path: Path) -> None:
    found = settings(tmp_path)
    first = prepare(found)
    assert first is not None
    assert first.key is not None
    assert prepare(found) is None
    acts = Installation(tmp_path).acts()
    assert [act[:2] for act in acts] == [("gateway", "gateway.start")] * 2


def test_a_gateway_that_runs_already_learns_what_a_start_declared(tmp_path: Path) -> None:
    found = settings(tmp_path)
    running = ControlChanges(found.data_dir / FILE)
    prepare(found)
    assert running.moved()
    running.close()


def test_without_the_demo_there_is_no_key(tmp_path: Path) -> None:
    first = prepare(settings(tmp_path, demo={"enabled": False}))
    assert first is not None
    assert first.key is None


def test_what_cannot_be_declared_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="there is no provider q"):
        prepare(settings(tmp_path, deployments=({"name": "d", "model": "m", "provider": "q"},)))
    installation = Installation(tmp_path)
    assert installation.rows(tables.user) == []
    assert installation.acts() == []


async def test_a_gateway_answers_and_stops(tmp_path: Path) -> None:
    found = settings(tmp_path)
    first = prepare(found)
    assert first is not None
    gateway = Gateway(found, Policies(found.dlp, KEPT, built_in(KEPT)))
    await gateway.start()
    transport = httpx.ASGITransport(gateway.site)
    body = {"model": "demo", "messages": [{"role": "user", "content": "Hello"}]}
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        answered = await client.post("/v1/chat/completions", json=body, headers={"authorization": f"Bearer {first.key}"})
        assert answered.status_code == 200, answered.text
        assert (await client.get("/api/v1/ready")).status_code == 200
        assert (await client.get("/api/v1/health")).status_code == 200
        metrics = (await client.get("/metrics")).text
    await gateway.stop()
    assert 'sluicegate_exchanges_total{outcome="answered"' in metrics
    kinds = [row["kind"] for row in Installation(tmp_path).rows(tables.audit_entry)]
    assert kinds[-1] == OUTCOME


async def test_the_pipeline_runs_the_stages_in_their_order(tmp_path: Path) -> None:
    """`STAGES` is held against the folder in tests/test_architecture.py; this holds what really runs against `STAGES`."""
    found = settings(tmp_path)
    prepare(found)
    gateway = Gateway(found, Policies(found.dlp, KEPT, built_in(KEPT)))
    await gateway.start()
    running = tuple(type(stage) for stage in gateway.pipeline.stages)
    await gateway.stop()
    assert running == STAGES


async def test_every_gauge_is_documented(tmp_path: Path) -> None:
    found = settings(tmp_path)
    prepare(found)
    gateway = Gateway(found, Policies(found.dlp, KEPT, built_in(KEPT)))
    await gateway.start()
    page = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
    names = {
        line.split()[2] for line in exposed(gateway.metrics).decode().splitlines() if line.startswith("# TYPE sluicegate_")
    }
    await gateway.stop()
    assert {name for name in names if f"`{name}`" not in page} == set()
