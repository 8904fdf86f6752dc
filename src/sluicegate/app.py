"""The composition root: settings in, a running gateway out. It names every concrete class, and nothing else does."""

import asyncio
import ctypes
import gc
import logging
import time
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from sluicegate import __version__
from sluicegate.audit.log import AuditLog, act_now
from sluicegate.core.dialect import Answers, Bounds, DialectName
from sluicegate.core.identity import UseCase
from sluicegate.dialects.bedrock_converse import BedrockConverse
from sluicegate.dlp.documents import Documents
from sluicegate.dlp.policies import Policies
from sluicegate.dlp.policy import PolicySource
from sluicegate.dlp.policy_rows import RowWatch
from sluicegate.dlp.vault import Vault
from sluicegate.doors import embedding, open_doors
from sluicegate.identity import first_start
from sluicegate.identity.changes import FILE, ControlChanges
from sluicegate.identity.first_start import FirstStart
from sluicegate.identity.keyring import KeyRing
from sluicegate.identity.passwords import Passwords
from sluicegate.insight.metrics import Metrics
from sluicegate.insight.traces import Traces
from sluicegate.limits import listing
from sluicegate.limits.budget import Ledger, Spent, spent
from sluicegate.limits.capacity import TARGETS as CAPACITY_TARGETS
from sluicegate.limits.capacity import Capacity
from sluicegate.limits.prices import flat
from sluicegate.limits.rate import Rates
from sluicegate.mounted import own_answers, spoken, surfaces
from sluicegate.pipeline import Pipeline
from sluicegate.providers import ollama
from sluicegate.providers.pool import Pool
from sluicegate.providers.presence import present
from sluicegate.providers.presets import resolve
from sluicegate.providers.registry import providers
from sluicegate.routing.cache import Cache
from sluicegate.routing.cached import Again
from sluicegate.routing.catalog import Catalog
from sluicegate.routing.checks import Checks
from sluicegate.routing.explain import Explanation, explain
from sluicegate.routing.health import Health
from sluicegate.routing.near import Near
from sluicegate.routing.plan import Plan
from sluicegate.routing.retries import Retries
from sluicegate.routing.scores import Scores
from sluicegate.routing.stored import StoredAnswers
from sluicegate.routing.strategies import Weights
from sluicegate.secrets.reference import credential
from sluicegate.settings import Settings
from sluicegate.stages.s1_authenticate import Authenticate
from sluicegate.stages.s2_scope import Scope
from sluicegate.stages.s3_limit import Limit
from sluicegate.stages.s4_inspect_prompt import InspectPrompt
from sluicegate.stages.s5_route import Route
from sluicegate.stages.s6_call import DROPPED_HEADER, Call, Standing
from sluicegate.stages.s7_inspect_response import InspectResponse
from sluicegate.stages.s8_record import Record
from sluicegate.stages.s9_watch import Watch
from sluicegate.store import declared
from sluicegate.store.database import Database
from sluicegate.store.writer import Writer
from sluicegate.web.llm import Llm
from sluicegate.web.site import Asgi, Site
from sluicegate.web.surface import Mounts

log = logging.getLogger(__name__)

COLLECT_EVERY = (20_000, 50, 50)
"""Exchanges leave no cycles behind, so looking for some after every 700 objects, as Python does, costs 4 % for nothing."""


STAGES = (Authenticate, Scope, Limit, InspectPrompt, Route, Call, InspectResponse, Record, Watch)
"""The request path, in run order; `tests/test_architecture.py` compares it with the folder."""


def _give_back() -> None:
    """Return to the system what reading settings and guardrails took for a moment, where its C library can (glibc)."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def inspecting(policies: PolicySource, settings: Settings, documents: Documents) -> tuple[InspectPrompt, InspectResponse]:
    """The stages that inspect prompt and answer; the playground and commands use them as the path does."""
    vault = Vault(settings.dlp.max_sessions, settings.dlp.session_seconds)
    prompt = InspectPrompt(policies, settings.server, documents, vault, settings.dlp.max_placeholders)
    return prompt, InspectResponse(policies, settings.dlp, vault)


def automata(settings: Settings) -> Path:
    """The folder that keeps compiled guardrails."""
    return Path(settings.dlp.automata_dir) if settings.dlp.automata_dir else settings.data_dir / "automata"


def prepare(settings: Settings) -> FirstStart | None:
    """Before the server runs, in one recorded act: what the settings declare, and at the first start what is made once.

    Returns what must be shown once. Raises SettingsError for what cannot be declared.
    """
    database = Database(settings)
    now = time.time()
    try:
        first = act_now(
            database,
            settings,
            actor="gateway",
            action="gateway.start",
            subject=f"version:{__version__}",
            organisation=None,
            change=lambda connection: (
                declared.apply(connection, settings, now, resolve),
                first_start.begin(connection, now, Passwords(), demo=settings.demo.enabled),
            )[1],
        )
    finally:
        database.close()
    changes = ControlChanges(settings.data_dir / FILE)
    changes.touch()  # a gateway that runs already on this database learns what was declared
    changes.close()
    return first


class Gateway:
    """A gateway with everything it is made of. `site` is the ASGI application; `start` before it serves, `stop` after."""

    def __init__(self, settings: Settings, policies: Policies) -> None:
        """Raises SettingsError, DatabaseError, NoteInvalid."""
        self._settings = settings
        self.database = Database(settings)
        self.writer = Writer(self.database, settings)
        self.audit = AuditLog(self.database, self.writer, settings)
        self.changes = ControlChanges(settings.data_dir / FILE)
        self.keyring = KeyRing(self.database, settings.identity, self.changes)
        self.policies = policies
        self.rows = RowWatch(
            self.database, ControlChanges(settings.data_dir / FILE), policies.adopt, settings.dlp.rows_seconds
        )
        self.documents = Documents(settings.dlp)
        self.pool = Pool(settings.upstream)
        self.catalog = Catalog(self.database, credential)
        self.providers = providers(settings.upstream, self.pool)
        open_doors(policies.doors, self.pool, self.catalog.deployment, self.providers)
        self.cache = Cache(settings.cache)
        self._again = self._giving_again()
        self.prices = listing.book_for(settings.limits)
        self.metrics = Metrics()
        self.traces = Traces(self.writer)
        self._surfaces = surfaces()
        self._dialects = spoken(self._surfaces)
        self._show()
        routing = settings.routing
        self._standing = Standing(
            Health(),
            Scores(),
            Retries(routing.retry_share, routing.retry_seconds),
            Capacity(Rates(CAPACITY_TARGETS)),
        )
        weights = Weights(routing.failure_weight, routing.latency_weight, routing.price_weight)
        self._plan = Plan(self._standing.scores, self.prices.typical, routing.strategy, routing.strategies, weights)
        self.pipeline = self._pipeline()
        llm = Llm(self.pipeline, settings.server)
        scraper = credential(settings.metrics.credential) if settings.metrics.credential else None
        self.site = Site(Mounts(self._surfaces), llm, self._admin, self.metrics.render, scraper)
        self._admin_app: asyncio.Task[Asgi] | None = None
        self._tasks: list[asyncio.Task[Any]] = []

    def _pipeline(self) -> Pipeline:
        settings = self._settings
        rates = Rates(settings.limits.rate_entries)
        ledger = Ledger(self._spent, entries=settings.limits.rate_entries, grace=2 * settings.audit.commit_timeout)
        inspect_prompt, inspect_response = inspecting(self.policies, settings, self.documents)
        stored = StoredAnswers(self.database, self.writer, settings.upstream.stored_days)
        answers: dict[DialectName, Answers] = {**self._dialects, DialectName.BEDROCK_CONVERSE: BedrockConverse()}
        limit = Limit(rates, ledger, self.prices, self.catalog.targets, settings.limits, settings.upstream.attempts)
        own = own_answers(self.catalog, limit.likely_input)
        call = Call(self.providers, answers, self._standing, settings.upstream, own, stored, self._again)
        return Pipeline(
            (
                Authenticate(self.keyring),
                Scope(settings.server, stored),
                limit,
                inspect_prompt,
                Route(self.catalog, self._standing.health, self._plan),
                call,
                inspect_response,
                Record(self.audit),
                Watch(self.traces, self.metrics),
            ),
            call,
            settings.dlp.heartbeat_seconds,
        )

    def _giving_again(self) -> Again:
        """What gives answers again: by meaning as well, where a deployment tells that."""
        bounds = self._settings.cache
        embed = embedding(bounds.embedding_deployment, self.catalog.deployment, self.providers)
        near = Near(bounds, embed, self.cache.clock) if bounds.embedding_deployment else None
        return Again(self.cache, (DROPPED_HEADER,), near)

    def _show(self) -> None:
        """The state of queues and logs, beside what is counted per exchange."""
        metrics, writer = self.metrics, self.writer
        metrics.gauge("sluicegate_writer_waiting", "Entries waiting to become durable.", lambda: writer.waiting)
        metrics.counter(
            "sluicegate_traces_dropped", "Trace rows that were dropped.", lambda: self.traces.dropped + writer.lost
        )
        cache = self.cache
        metrics.counter("sluicegate_cache_hits", "Answers that were given again.", lambda: cache.hits)
        metrics.counter(
            "sluicegate_cache_misses", "Answers that were looked for in the cache in vain.", lambda: cache.misses
        )
        metrics.gauge("sluicegate_cache_bytes", "What the answers that are kept take.", lambda: cache.bytes)
        state = self.policies.state
        metrics.gauge(
            "sluicegate_guardrails_stale",
            "1 while the guardrail policies are broken and older ones are in force.",
            lambda: 0.0 if state.failure is None else 1.0,
        )
        metrics.gauge(
            "sluicegate_guardrails_loaded_timestamp_seconds",
            "When the guardrail policies were last read well, in seconds since the epoch.",
            lambda: state.loaded_at,
        )
        metrics.counter(
            "sluicegate_guardrails_failed_loads", "Readings of the guardrail policies that failed.", lambda: state.failed
        )

    async def start(self) -> None:
        """Open the log, load what is compiled in memory, and begin to watch. Raises AuditRollback, AuditDamaged."""
        self.writer.start()
        await self.audit.start()
        await self.rows.load(first=True)
        await self._reload()
        gc.collect()
        _give_back()
        gc.freeze()  # what is loaded now stays: the collector need not look at it again and again
        gc.set_threshold(*COLLECT_EVERY)
        checks = Checks(
            self.catalog.every, partial(present, self.pool), self._standing.health, self._settings.routing.check_seconds
        )
        beside = (self.policies.watch(), self.rows.watch(), self._again.watch(), self._offer_ollama(), checks.run())
        self._tasks = [asyncio.ensure_future(each) for each in beside]

    async def stop(self) -> None:
        """Settle what is under way, sign a last checkpoint and close everything; the server has stopped accepting."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.audit.stop()
        await self.writer.stop()
        self.pool.close()
        self.rows.close()
        await self.documents.close()
        self.changes.close()
        self.database.close()

    async def _spent(self, scope: str, day: str) -> Spent:
        await self.audit.settle()  # what was settled before may be in the journal alone
        return await self.database.read(spent(scope, day))

    async def _reload(self) -> None:
        """Compile anew what was compiled from control data."""
        await self.rows.load()
        await listing.refresh(self.prices, self.database, self.writer)
        await self.catalog.reload()  # last: a deployment that can be reached has its price

    async def _offer_ollama(self) -> None:
        """Models that run on this machine cost nothing that a provider would bill."""
        targets = await ollama.offered(self.pool, self._settings.demo)
        self.prices.offer({target.deployment: flat(Decimal(0), Decimal(0)) for target in targets.values()})
        self.catalog.offer(targets)
        if targets:
            log.info("Ollama's models are offered", extra={"models": len(targets)})

    async def _admin(self) -> Asgi:
        """The admin API, made when it is first asked for: its framework costs memory and time that few processes need."""
        if self._admin_app is None:
            self._admin_app = asyncio.ensure_future(asyncio.to_thread(self._make_admin))
        return await asyncio.shield(self._admin_app)

    def _make_admin(self) -> Asgi:
        from sluicegate.identity.sessions import Sessions
        from sluicegate.identity.throttle import LoginThrottle
        from sluicegate.web.admin.api import create
        from sluicegate.web.admin.context import AdminContext
        from sluicegate.web.peer import Peers
        from sluicegate.web.trial import Trial

        settings = self._settings
        limits = Bounds(settings.server.max_json_depth, settings.server.max_json_values)

        def make(policies: PolicySource) -> tuple[InspectPrompt, InspectResponse]:
            return inspecting(policies, settings, self.documents)

        return create(
            AdminContext(
                database=self.database,
                writer=self.writer,
                log=self.audit,
                keyring=self.keyring,
                policies=self.policies,
                trial=Trial(make, self.documents, settings.dlp.max_findings, limits),
                dialects=self._dialects,
                explain=self._explain,
                on_change=self._reload,
                settings=settings,
                resolve=resolve,
                peer=Peers(settings.server).of,
                audit_public_key=self.audit.verifier_key,
                clock=time.time,
                ready=self._ready,
                sessions=Sessions(settings.identity),
                passwords=Passwords(),
                throttle=LoginThrottle(settings.identity),
            )
        )

    def _explain(self, model: str, binding: UseCase, on_prem_only: bool) -> Explanation | None:
        targets = self.catalog.targets(model)
        if not targets:
            return None
        return explain(targets, model, binding, self._standing.health, self._plan, on_prem_only=on_prem_only)

    async def _ready(self) -> str | None:
        """Why requests would be refused now; None where they would not."""
        return "The audit log cannot be written." if self.writer.failing else None
