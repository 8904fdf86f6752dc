"""s1_authenticate: whose key is this?"""

from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import pytest

from sluicegate.core.decision import ALLOWED, Reason, Verdict
from sluicegate.core.errors import EXPLAINED, STATUS
from sluicegate.core.exchange import Arrival, Exchange
from sluicegate.dialects.openai_chat import OpenAIChat
from sluicegate.identity.changes import ControlChanges
from sluicegate.identity.keyring import KeyRing
from sluicegate.identity.keys import mint, mint_session
from sluicegate.settings import Identity, Settings
from sluicegate.stages.s1_authenticate import Authenticate
from sluicegate.store import tables
from sluicegate.store.database import Database
from tests.support.administration import Clock, Tenant


class Stage:
    """The stage over a database with one key."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.database = Database(Settings(data_dir=directory))
        tables.metadata.create_all(self.database.engine)
        self.tenant, self.clock = Tenant("a"), Clock()
        with self.database.transaction() as connection:
            self.tenant.insert(connection)
        self.ring = KeyRing(self.database, Identity(), ControlChanges(directory / "changes"))
        self.stage = Authenticate(self.ring, self.clock)

    async def refused(self, headers: dict[str, str]) -> Reason | None:
        """The reason of the refusal; None for an admitted request."""
        exchange = Exchange("e", OpenAIChat(), Arrival("/v1/chat/completions", "", headers, b""))
        decision = await self.stage.admit(exchange)
        assert (decision.verdict is Verdict.DENY) != exchange.knows("grant")
        assert not decision.detail
        if decision.verdict is not Verdict.DENY:
            assert decision is ALLOWED
            assert exchange.grant.key_id == self.tenant.key_id
            return None
        assert decision.reason in EXPLAINED
        return decision.reason


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    stage.database.close()


@pytest.mark.parametrize("header", ["authorization", "x-api-key", "api-key", "x-sluicegate-key"])
async def test_a_valid_key_in_each_header(stage: Stage, header: str) -> None:
    value = f"Bearer {stage.tenant.key}" if header == "authorization" else stage.tenant.key
    for _ in range(2):
        assert await stage.refused({header: value}) is None


async def test_refusals(stage: Stage) -> None:
    cases = {
        "": Reason.NO_CREDENTIAL,
        mint(): Reason.KEY_UNKNOWN,
        mint_session(): Reason.ADMIN_CREDENTIAL,
        "sg-admin-": Reason.ADMIN_CREDENTIAL,
        stage.tenant.key[:-1] + ("0" if stage.tenant.key[-1] != "0" else "1"): Reason.KEY_MALFORMED,
        stage.tenant.key + " ": Reason.KEY_MALFORMED,
        stage.tenant.key + "\x00": Reason.KEY_MALFORMED,
        stage.tenant.key.swapcase(): Reason.KEY_MALFORMED,
        "sk-" + "proj" + "-something": Reason.KEY_MALFORMED,
        "' OR 1=1 --": Reason.KEY_MALFORMED,
        "\ud800" * 55: Reason.KEY_MALFORMED,
        "x" * 1_000_000: Reason.KEY_MALFORMED,
    }
    for key, reason in cases.items():
        assert await stage.refused({"x-api-key": key}) is reason, key[:60]
    assert await stage.refused({"authorization": f"Bearer {stage.tenant.key}", "x-api-key": mint()}) is Reason.KEY_MALFORMED
    assert await stage.refused({}) is Reason.NO_CREDENTIAL


async def test_malformed_keys_do_not_reach_the_database(stage: Stage) -> None:
    stage.database.close()
    assert await stage.refused({"x-api-key": "sk-sg-" + "0" * 49}) is Reason.KEY_MALFORMED


async def test_statuses() -> None:
    assert STATUS[Reason.NO_CREDENTIAL] == 401
    for reason in (
        Reason.KEY_MALFORMED,
        Reason.KEY_UNKNOWN,
        Reason.KEY_REVOKED,
        Reason.KEY_EXPIRED,
        Reason.ADMIN_CREDENTIAL,
    ):
        assert STATUS[reason] == 403


async def test_revoked_and_expired(stage: Stage) -> None:
    headers = {"x-api-key": stage.tenant.key}
    assert await stage.refused(headers) is None
    with stage.database.transaction() as connection:
        connection.execute(tables.virtual_key.update().values(expires_at=stage.clock.now + 5))
    stage.ring.forget()
    assert await stage.refused(headers) is None
    stage.clock.now += 5
    assert await stage.refused(headers) is Reason.KEY_EXPIRED
    with stage.database.transaction() as connection:
        connection.execute(tables.virtual_key.update().values(revoked_at=stage.clock.now))
    stage.ring.forget()
    assert await stage.refused(headers) is Reason.KEY_REVOKED


async def test_headers_that_claim_a_tenant_claim_nothing(stage: Stage) -> None:
    claims = {"x-tenant": "b", "x-user": "root", "x-sluicegate-organisation": "b"}
    exchange = Exchange(
        "e", OpenAIChat(), Arrival("/v1/chat/completions", "", {"x-api-key": stage.tenant.key, **claims}, b"")
    )
    await stage.stage.admit(exchange)
    assert exchange.grant.organisation == stage.tenant.organisation


async def test_a_credential_of_the_client_s_own(stage: Stage) -> None:
    own = "sk-ant" + "-own"
    headers = {"x-sluicegate-key": stage.tenant.key, "authorization": f"Bearer {own}"}
    exchange = Exchange("e", OpenAIChat(), Arrival("/v1/messages", "", headers, b""))
    decision = await stage.stage.admit(exchange)
    assert (decision.verdict, decision.reason) == (Verdict.DENY, Reason.OWN_CREDENTIAL_NOT_ALLOWED)
    assert not exchange.own_credential
    with stage.database.transaction() as connection:
        connection.execute(tables.use_case.update().values(own_credentials=True))
    ring = KeyRing(stage.database, Identity(), ControlChanges(stage.directory / "changes"))
    exchange = Exchange("e", OpenAIChat(), Arrival("/v1/messages", "", headers, b""))
    decision = await Authenticate(ring, stage.clock).admit(exchange)
    assert decision.verdict is Verdict.ALLOW
    assert decision.detail == {"own_credential": sha256(f"Bearer {own}".encode()).hexdigest()}
    assert exchange.own_credential
