"""The admin API in process, over a real database and audit log, with two tenants and a user of every role."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import Connection

from sluicegate.app import inspecting
from sluicegate.audit.log import AuditLog
from sluicegate.core.dialect import DialectName
from sluicegate.core.identity import UseCase
from sluicegate.core.ids import new_id
from sluicegate.core.provider import Place, Strategy
from sluicegate.dialects.anthropic_messages import AnthropicMessages
from sluicegate.dialects.openai_chat import OpenAIChat
from sluicegate.dlp.documents import Documents
from sluicegate.dlp.policies import Policies
from sluicegate.dlp.policy_rows import RowWatch
from sluicegate.identity.changes import ControlChanges
from sluicegate.identity.keyring import KeyRing
from sluicegate.identity.keys import digest, hint, mint
from sluicegate.identity.passwords import Passwords
from sluicegate.identity.roles import Role
from sluicegate.identity.sessions import Sessions
from sluicegate.identity.throttle import LoginThrottle
from sluicegate.objects import ProviderSpec
from sluicegate.routing.explain import Explanation, explain
from sluicegate.routing.health import Health
from sluicegate.routing.plan import Plan
from sluicegate.routing.scores import Scores
from sluicegate.routing.strategies import Weights
from sluicegate.settings import Dlp, Settings, SettingsError
from sluicegate.store import tables
from sluicegate.store.database import Database
from sluicegate.store.writer import Writer
from sluicegate.web.admin.api import create
from sluicegate.web.admin.context import AdminContext
from sluicegate.web.trial import Trial
from tests.support.calls import target

NOW = 1_800_000_000.0
POLICIES = """
policies:
  default: {prompt: {ticket: block, email: alert}, answer: {ticket: redact}}
rules:
  - {id: ticket, kind: ticket, severity: low, label: TICKET, pattern: 'T-[0-9]{4,6}'}
"""
PASSWORD = "correct horse battery staple"


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


class Tenant:
    """One organisation with a team, a use case and a key."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.organisation, self.team, self.use_case, self.key_id, self.guardrail = (new_id() for _ in range(5))
        self.key = mint()

    def insert(self, connection: Connection) -> None:
        """Make its rows."""
        within = {"organisation_id": self.organisation}
        put(connection, tables.organisation, id=self.organisation, name=self.name)
        put(connection, tables.team, id=self.team, name="team", budgets=[], **within)
        put(
            connection,
            tables.use_case,
            id=self.use_case,
            team_id=self.team,
            name="case",
            version=1,
            purpose="test",
            classification="internal",
            system_prompt=None,
            system_mode="append",
            models=["demo*"],
            features=[],
            tools=["*"],
            networks=[],
            guardrail="default",
            rate={},
            active=True,
            **within,
        )
        put(
            connection,
            tables.virtual_key,
            id=self.key_id,
            digest=digest(self.key),
            hint=hint(self.key),
            name="key",
            team_id=self.team,
            use_case_id=self.use_case,
            principal="user:x",
            rate={},
            budgets=[],
            expires_at=None,
            revoked_at=None,
            rotated_to=None,
            **within,
        )
        guardrail = {"id": self.guardrail, "version": 1, "name": "mine", "note": "", "active": True, "created_by": "user:x"}
        document = {"prompt": {"ticket": "redact"}, "answer": {}}
        connection.execute(tables.guardrail.insert().values(**guardrail, document=document, created_at=NOW, **within))


def put(connection: Connection, table: Any, **values: Any) -> None:
    """Insert a row."""
    connection.execute(table.insert().values(**{"origin": "api", **values}, created_at=NOW, updated_at=NOW))


def resolve(spec: ProviderSpec) -> ProviderSpec:
    """Presets as a test needs them: there is one, `local`."""
    given = {"dialects": (DialectName.OPENAI_CHAT,), "base_url": "http://127.0.0.1:1/v1", "place": Place.ON_PREM}
    if spec.preset not in (None, "local"):
        raise SettingsError("preset: there is no such preset")
    if spec.preset is None and (spec.base_url is None or spec.dialects is None):
        raise SettingsError("base_url and dialects are needed without a preset")
    return spec.model_copy(update={name: value for name, value in given.items() if getattr(spec, name) is None})


class World:
    """The API and everything behind it."""

    def __init__(self, database: Database, writer: Writer, log: AuditLog, settings: Settings, clock: Clock) -> None:
        self.database = database
        self.clock = clock
        self.settings = settings
        self.a, self.b = Tenant("a"), Tenant("b")
        self.changes = 0
        path = settings.data_dir / "policies.yaml"
        path.write_text(POLICIES)
        documents = Documents(settings.dlp)
        self.policies = Policies(Dlp(policies=str(path)))
        self.stored = RowWatch(database, ControlChanges(settings.data_dir / "control.changed"), self.policies.adopt, 1)
        self.not_ready: str | None = None
        self.keyring = KeyRing(database, settings.identity, ControlChanges(settings.data_dir / "control.changed"))
        self.context = AdminContext(
            database=database,
            writer=writer,
            log=log,
            keyring=self.keyring,
            policies=self.policies,
            trial=Trial(lambda policies: inspecting(policies, settings, documents), documents, 100),
            dialects={DialectName.OPENAI_CHAT: OpenAIChat(), DialectName.ANTHROPIC_MESSAGES: AnthropicMessages()},
            explain=self._explain,
            on_change=self._changed,
            settings=settings,
            resolve=resolve,
            peer=lambda scope: str(scope["client"][0]),
            audit_public_key=log.verifier_key,
            clock=clock,
            ready=self._ready,
            sessions=Sessions(settings.identity, clock),
            passwords=Passwords(memory_kib=64),
            throttle=LoginThrottle(settings.identity, clock),
        )
        self.app = create(self.context)
        self.tokens: dict[str, str] = {}

    def _explain(self, model: str, binding: UseCase, on_prem_only: bool) -> Explanation | None:
        plan = Plan(Scores(self.clock), lambda _target: 7, Strategy.ADAPTIVE, {}, Weights())
        targets = [target(deployment="small", place=Place.ON_PREM), target(deployment="far", place=Place.CLOUD)]
        found = targets if model == "demo-small" else []
        return explain(found, model, binding, Health(), plan, on_prem_only=on_prem_only) if found else None

    async def _changed(self) -> None:
        self.changes += 1
        await self.stored.load()

    async def _ready(self) -> str | None:
        return self.not_ready

    def fill(self, connection: Connection) -> None:
        """Both tenants, a provider and a deployment, and a user of every role in tenant a and in none."""
        for tenant in (self.a, self.b):
            tenant.insert(connection)
        put(
            connection,
            tables.provider,
            name="local",
            kind="http",
            dialects=["openai_chat"],
            base_url="http://127.0.0.1:1/v1",
            credential=None,
            headers={},
            place="on_prem",
            region="eu",
            preset=None,
        )
        put(
            connection,
            tables.deployment,
            name="small",
            model="demo-small",
            provider="local",
            upstream_model="s",
            place="on_prem",
            region="",
            order=0,
            weight=1,
            max_output_tokens=100,
            price=None,
        )
        hashed = self.context.passwords.hash(PASSWORD)
        for role in Role:
            for within, organisation in (("a", self.a.organisation), ("all", None)):
                self.add_user(connection, f"{role}@{within}", role, organisation, hashed)

    def add_user(self, connection: Connection, name: str, role: str, organisation: str | None, hashed: str) -> None:
        """A user with a session."""
        id = new_id()
        values = {"id": id, "name": name, "role": role, "organisation_id": organisation}
        put(connection, tables.user, password_hash=hashed, active=True, **values)
        self.tokens[name] = self.context.sessions.begin(connection, id)[0]

    def client(self, user: str | None = None) -> httpx.AsyncClient:
        """A client of the API, logged in as `user` (`owner@all`, `viewer@a`)."""
        headers = {} if user is None else {"authorization": f"Bearer {self.tokens[user]}"}
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=True)
        return httpx.AsyncClient(transport=transport, base_url="http://gateway", headers=headers)

    async def rows(self, work: Callable[[Connection], Any]) -> Any:
        """Read from the database."""
        return await self.database.read(work)


@asynccontextmanager
async def running(directory: Path) -> AsyncIterator[World]:
    """A world whose data lives in `directory`."""
    settings = Settings(data_dir=directory)
    database = Database(settings)
    tables.metadata.create_all(database.engine)
    writer = Writer(database, settings)
    log = AuditLog(database, writer, settings)
    writer.start()
    await log.start()
    try:
        world = World(database, writer, log, settings, Clock())
        with database.transaction() as connection:
            world.fill(connection)
        yield world
    finally:
        await log.stop()
        await writer.stop()
        database.close()
