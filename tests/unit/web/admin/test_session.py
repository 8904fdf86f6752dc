"""Login, logout and whoami."""

import pytest
from sqlalchemy import Connection, select

from sluicegate.store import tables
from tests.support.administration import PASSWORD, World

PATH = "/api/v1/session"
WRONG = [
    {"name": "owner@all", "password": "wrong"},
    {"name": "nobody", "password": PASSWORD},
    {"name": "owner@all' --", "password": PASSWORD},
    {"name": "OWNER@ALL", "password": PASSWORD},
    {"name": "owner@all\x00", "password": PASSWORD},
    {"name": "owner@all", "password": PASSWORD + "\x00"},
    {"name": "owner@all", "password": PASSWORD + " "},
    {"name": "owner@all", "password": "\x00"},
]


async def test_login_whoami_logout(world: World) -> None:
    async with world.client() as client:
        answer = await client.post(PATH, json={"name": "auditor@a", "password": PASSWORD})
        assert answer.status_code == 201
        token = answer.json()["token"]
        assert token.startswith("sg-admin-")
        headers = {"authorization": f"Bearer {token}"}
        who = (await client.get(PATH, headers=headers)).json()
        assert who["user"] == answer.json()["user"]
        assert who["user"]["role"] == "auditor"
        assert who["user"]["organisation_id"] == world.a.organisation
        assert "token" not in who
        assert (await client.delete(PATH, headers=headers)).status_code == 204
        assert (await client.get(PATH, headers=headers)).status_code == 401


@pytest.mark.parametrize("body", WRONG, ids=repr)
async def test_a_failed_login_says_the_same(world: World, body: dict[str, str]) -> None:
    async with world.client() as client:
        answer = await client.post(PATH, json=body)
    assert answer.status_code == 401
    assert answer.json()["detail"] == "Name or password is wrong."


async def test_the_stored_hash_is_no_password(world: World) -> None:
    stored = await world.rows(lambda c: c.execute(select(tables.user.c.password_hash).limit(1)).scalar())
    async with world.client() as client:
        assert (await client.post(PATH, json={"name": "owner@all", "password": stored})).status_code == 401


async def test_a_login_makes_a_new_session_whatever_it_was_sent_with(world: World) -> None:
    old = world.tokens["owner@all"]
    async with world.client("owner@all") as client:
        answer = await client.post(PATH, json={"name": "owner@all", "password": PASSWORD}, params={"token": old})
    assert answer.json()["token"] not in (old, "")


async def test_an_inactive_user_is_out_at_once(world: World) -> None:
    def deactivate(connection: Connection) -> None:
        user = tables.user
        connection.execute(user.update().where(user.c.name == "owner@all").values(active=False))

    await world.context.writer.write(deactivate)
    async with world.client("owner@all") as client:
        assert (await client.get(PATH)).status_code == 401
        assert (await client.post(PATH, json={"name": "owner@all", "password": PASSWORD})).status_code == 401


async def test_a_long_password_is_refused_without_being_hashed(world: World) -> None:
    async with world.client() as client:
        answer = await client.post(PATH, json={"name": "owner@all", "password": "x" * 1_000_000})
    assert answer.status_code == 422
    assert "xxx" not in answer.text


async def test_failed_logins_are_throttled_and_recorded(world: World) -> None:
    attempts = world.settings.identity.login_attempts
    async with world.client() as client:
        for _ in range(attempts):
            assert (await client.post(PATH, json={"name": "owner@all", "password": "x"})).status_code == 401
        answer = await client.post(PATH, json={"name": "owner@all", "password": PASSWORD})
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) >= 1
        world.clock.now += world.settings.identity.login_window + 1
        assert (await client.post(PATH, json={"name": "owner@all", "password": PASSWORD})).status_code == 201
    async with world.client("auditor@all") as client:
        entries = (await client.get("/api/v1/audit/entries?kind=act")).json()["items"]
    assert [entry["body"]["action"] for entry in entries] == ["session.begin", *["session.refuse"] * attempts]


async def test_neither_password_nor_token_is_stored_or_recorded(world: World) -> None:
    async with world.client() as client:
        token = (await client.post(PATH, json={"name": "owner@all", "password": PASSWORD})).json()["token"]
    assert world.database.path is not None
    await world.context.writer.write(lambda connection: None)
    for file in world.database.path.parent.iterdir():
        content = file.read_bytes()
        assert token.encode() not in content
        assert PASSWORD.encode() not in content
