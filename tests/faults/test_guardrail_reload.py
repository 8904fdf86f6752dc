"""A running gateway follows its guardrail policies: the file as it changes, and what is stored through the API at once."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest_asyncio

from tests.support.gateway import Gateway, start

POLICIES = """
policies:
  default: {prompt: {ticket: ACTION}, answer: {}}
rules:
  - {id: ticket, kind: ticket, severity: low, label: TICKET, pattern: 'T-[0-9]{4,6}'}
"""
PATIENCE = 30
"""Seconds after which a change that did not count is a failure; it usually takes a tenth of one."""


class Client:
    """A developer and an administrator of one gateway."""

    def __init__(self, gateway: Gateway, http: httpx.AsyncClient) -> None:
        self._http = http
        self._key = self._printed(gateway, "virtual key")
        self._password = self._printed(gateway, "admin password")
        self.gateway = gateway
        self.path = gateway.directory / "policies.yaml"

    @staticmethod
    def _printed(gateway: Gateway, what: str) -> str:
        found = re.search(rf"{what} +(\S+)", gateway.printed)
        assert found is not None
        return found.group(1)

    def write(self, content: str) -> None:
        """Put another policy file in place, as an editor does."""
        beside = self.path.with_suffix(".new")
        beside.write_text(content)
        beside.replace(self.path)

    async def said(self) -> str:
        """What became of a prompt with a ticket in it: `ok`, or the reason why not."""
        body = {"model": "demo", "messages": [{"role": "user", "content": "look at T-1234"}]}
        answer = await self._http.post("/v1/chat/completions", json=body, headers={"authorization": f"Bearer {self._key}"})
        return "ok" if answer.status_code == 200 else str(answer.json()["error"]["code"])

    async def metric(self, name: str) -> float:
        """One metric without labels."""
        text = (await self._http.get("/metrics")).text
        found = re.search(rf"^{name} (\S+)$", text, re.M)
        assert found is not None, text
        return float(found.group(1))

    async def admin(self) -> httpx.AsyncClient:
        """The API as the administrator sees it."""
        body = {"name": "admin", "password": self._password}
        token = (await self._http.post("/api/v1/session", json=body)).json()["token"]
        return httpx.AsyncClient(base_url=self.gateway.url, headers={"authorization": f"Bearer {token}"}, timeout=60)


async def eventually(read: Callable[[], Awaitable[Any]], wanted: Any) -> None:
    async with asyncio.timeout(PATIENCE):
        while await read() != wanted:
            await asyncio.sleep(0.02)


@pytest_asyncio.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    (tmp_path / "policies.yaml").write_text(POLICIES.replace("ACTION", "alert"))
    gateway = await start(tmp_path, {"dlp": {"policies": str(tmp_path / "policies.yaml")}})
    try:
        async with httpx.AsyncClient(base_url=gateway.url, timeout=60) as http:
            yield Client(gateway, http)
    finally:
        await gateway.stop()


async def test_the_file_is_followed_and_a_broken_one_changes_nothing(client: Client) -> None:
    assert await client.said() == "ok"
    client.write(POLICIES.replace("ACTION", "block"))
    await eventually(client.said, "prompt_blocked")
    async with await client.admin() as admin:
        good = (await admin.get("/api/v1/guardrails/state")).json()
        assert (good["stale"], good["failed_loads"]) == (False, 0)
        client.write(POLICIES.replace("ACTION", "blok"))
        await eventually(lambda: client.metric("sluicegate_guardrails_stale"), 1.0)
        assert await client.said() == "prompt_blocked"
        assert await client.metric("sluicegate_guardrails_failed_loads_total") == 1
        broken = (await admin.get("/api/v1/guardrails/state")).json()
        assert (broken["stale"], broken["version"]) == (True, good["version"])
        assert "policies.default" in broken["failure"]
        assert "the guardrail policies are broken" in client.gateway.log
        client.write(POLICIES.replace("ACTION", "alert"))
        await eventually(client.said, "ok")
        assert await client.metric("sluicegate_guardrails_stale") == 0
        assert await client.metric("sluicegate_guardrails_loaded_timestamp_seconds") > 1_700_000_000


async def test_what_is_stored_counts_with_the_next_request_and_after_a_restart(client: Client) -> None:
    document = {"prompt": {"ticket": "block"}, "answer": {}}
    async with await client.admin() as admin:
        made = await admin.post("/api/v1/guardrails", json={"name": "default", "document": document})
        assert made.status_code == 201, made.text
        assert await client.said() == "prompt_blocked"
        one = f"/api/v1/guardrails/{made.json()['id']}"
        assert (await admin.post(f"{one}/deactivate", json={})).status_code == 200
        assert await client.said() == "ok"
        assert (await admin.post(f"{one}/revert", json={"version": 1})).status_code == 200
        assert await client.said() == "prompt_blocked"
        version = (await admin.get("/api/v1/guardrails/state")).json()["version"]
    gateway = client.gateway
    assert await gateway.stop() == 0
    again = await start(gateway.directory, {"dlp": {"policies": str(client.path)}})
    try:
        client.gateway = again
        client._http.base_url = httpx.URL(again.url)
        assert await client.said() == "prompt_blocked"
        async with await client.admin() as admin:
            assert (await admin.get("/api/v1/guardrails/state")).json()["version"] == version
    finally:
        await again.stop()
