"""A key that is revoked is refused on the very next request, whoever revokes it."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.support.client import DIALECTS, Answer, Call, answer
from tests.support.evidence import assert_verified, command, of
from tests.support.gateway import Gateway, governed, start
from tests.support.upstream import Upstream


@pytest_asyncio.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with Upstream() as upstream:
        started = await start(tmp_path, governed(upstream.base_url))
        try:
            yield started
        finally:
            await started.stop()


async def create(directory: Path) -> tuple[str, str]:
    """A key made by a command in another process: its id and its text."""
    made = ("keys", "create", "--use-case", "triage", "--name", "extra", "--principal", "user:ann", "--organisation", "acme")
    status, written = await command(directory, *made)
    assert status == 0, written
    found = re.fullmatch(r"id +(\S+)\nkey +(\S+)\n", written)
    assert found is not None, written
    return found.group(1), found.group(2)


async def assert_refused(gateway: Gateway, key: str) -> None:
    for dialect in DIALECTS:
        got = await answer(gateway.url, dialect, key=key)
        assert (got.status, got.reason) == (403, "key_revoked")
        (entry,) = of(gateway.directory, got.exchange)
        assert (entry["kind"], entry["reason"]) == ("refusal", "key_revoked")


async def post(gateway: Gateway, path: str, token: str = "", **fields: str) -> Answer:
    headers = {"authorization": f"Bearer {token}" if token else ""}
    async with Call(gateway.url, path, json.dumps(fields).encode(), headers) as call:
        return await call.rest()


async def test_revoked_by_a_command_in_another_process(gateway: Gateway, tmp_path: Path) -> None:
    id, key = await create(tmp_path)
    for dialect in DIALECTS:
        assert (await answer(gateway.url, dialect, key=key)).status == 200
    status, written = await command(tmp_path, "keys", "revoke", id)
    assert status == 0, written
    await assert_refused(gateway, key)
    assert await gateway.stop() == 0
    await assert_verified(tmp_path)


async def test_revoked_through_the_admin_api(gateway: Gateway, tmp_path: Path) -> None:
    id, key = await create(tmp_path)
    name, password = (re.search(rf"admin {what} +(\S+)", gateway.printed) for what in ("user", "password"))
    assert name is not None
    assert password is not None
    session = await post(gateway, "/api/v1/session", name=name.group(1), password=password.group(1))
    assert session.status == 201, session.body
    for dialect in DIALECTS:
        assert (await answer(gateway.url, dialect, key=key)).status == 200
    revoked = await post(gateway, f"/api/v1/keys/{id}/revoke", session.json()["token"])
    assert revoked.status == 200, revoked.body
    await assert_refused(gateway, key)
    assert await gateway.stop() == 0
    await assert_verified(tmp_path)
