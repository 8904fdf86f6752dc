"""From settings to a served gateway, and what a first start shows once. The command line's library is not needed for it."""

import asyncio
import logging
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy.exc import SQLAlchemyError

from sluicegate.app import Gateway, automata, prepare
from sluicegate.audit.checkpoint import NoteInvalid
from sluicegate.audit.head import AuditDamaged, AuditRollback
from sluicegate.core.errors import AuditUnavailable
from sluicegate.dlp.built_in import built_in
from sluicegate.dlp.policies import Policies
from sluicegate.dlp.policy import PolicyError
from sluicegate.identity.first_start import FirstStart
from sluicegate.insight.logs import configure
from sluicegate.settings import Settings, SettingsError, load
from sluicegate.store import migrate
from sluicegate.store.committer import WriteFailed
from sluicegate.store.database import DatabaseError
from sluicegate.store.migrate import SchemaMismatch
from sluicegate.store.writer import QueueFull
from sluicegate.web import server

log = logging.getLogger(__name__)

REFUSALS = (
    SettingsError,
    PolicyError,
    DatabaseError,
    SchemaMismatch,
    NoteInvalid,
    AuditRollback,
    AuditDamaged,
    AuditUnavailable,
    QueueFull,
    WriteFailed,
    OSError,
)
"""Why the gateway would not start; each message says what to do."""


class Unstartable(Exception):
    """The gateway does not start; the message is for the person who started it."""


def serve_forever() -> None:
    """Run until told to stop. Raises Unstartable."""
    try:
        settings = load()
        configure(settings.logging)
        with ThreadPoolExecutor(1) as beside:  # both take their time at the first start, and neither needs the other
            migrated = beside.submit(migrate.ensure, settings)
            kept = automata(settings)
            if not kept.is_dir():
                log.info("compiling the guardrails, which takes some seconds and is kept for the next start")
            policies = Policies(settings.dlp, kept, built_in(kept))
            migrated.result()
        first = prepare(settings)
        server.run(_serve(settings, policies, first))
    except SQLAlchemyError as error:
        raise Unstartable(f"Sluicegate does not start: the database cannot be used: {migrate.cause(error)}") from None
    except REFUSALS as error:
        raise Unstartable(f"Sluicegate does not start: {error}") from None


async def _serve(settings: Settings, policies: Policies, first: FirstStart | None) -> None:
    told = False

    def tell(port: int) -> str:
        nonlocal told
        host = settings.server.host
        url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        if first is not None and not told:
            _say(welcome(first, url))
        told = True
        return url

    def ready(port: int) -> None:
        _say(f"Sluicegate is ready at {tell(port)}")

    try:
        await _run(settings, policies, ready)
    finally:
        # what was made is stored already, so a start that fails (the port is taken) must not keep its password to itself
        tell(settings.server.port)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


async def _run(settings: Settings, policies: Policies, ready: Callable[[int], None]) -> None:
    gateway = Gateway(settings, policies)
    await gateway.start()
    try:
        await server.serve(gateway.site, settings, ready=ready)
    finally:
        await asyncio.shield(gateway.stop())


def welcome(first: FirstStart, url: str) -> str:
    """What is shown once, at the first start, and stored nowhere in clear."""
    lines = ["First start. Keep what follows: it is shown once.", "", f"  admin user      {first.admin}"]
    lines.append(f"  admin password  {first.password}")
    if first.key is not None:
        body = '{"model": "demo", "messages": [{"role": "user", "content": "Hello"}]}'
        lines += [
            f"  virtual key     {first.key}  (use case demo)",
            "",
            "Try it:",
            "",
            f"  curl -s {url}/v1/chat/completions -H 'Authorization: Bearer {first.key}' "
            f"-H 'Content-Type: application/json' -d '{body}'",
        ]
    return "\n".join([*lines, ""])
