"""A policy file and what is stored beside it, opened by a command: to try texts without a running gateway."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from sluicegate.app import automata, inspecting
from sluicegate.cli.office import fail
from sluicegate.cli.policy_texts import Row
from sluicegate.core.dialect import Bounds
from sluicegate.core.errors import GatewayError
from sluicegate.core.provider import Target
from sluicegate.dlp.built_in import built_in
from sluicegate.dlp.documents import Documents
from sluicegate.dlp.external.doors import Doors
from sluicegate.dlp.policies import Policies
from sluicegate.dlp.policy import Edition, PolicyError, PolicySource, UnknownPolicy, compile_edition
from sluicegate.dlp.policy_rows import PolicyRow, in_force
from sluicegate.doors import open_doors
from sluicegate.mounted import spoken, surfaces
from sluicegate.providers.pool import Pool
from sluicegate.settings import Settings
from sluicegate.stages.s4_inspect_prompt import InspectPrompt
from sluicegate.stages.s7_inspect_response import InspectResponse
from sluicegate.store import migrate
from sluicegate.store.database import Database, DatabaseError, database_url, sqlite_path
from sluicegate.store.migrate import SchemaMismatch
from sluicegate.web.trial import Result, Subject, Trial, answer_of, prompt_of


class Untried(Exception):
    """A row cannot be tried; the message says why and quotes nothing of it."""


def compiled(settings: Settings, file: Path | None, rows: Sequence[PolicyRow] = (), doors: Doors | None = None) -> Edition:
    """The policies of `file`, or of the one in the settings; ends the command with what is wrong with them.

    Detectors elsewhere go out by `doors`, which a bench opens.
    """
    path = file or Policies.path_of(settings.dlp)
    kept = folder if (folder := automata(settings)).is_dir() else None
    try:
        return compile_edition(path, settings.dlp, kept, built_in(kept), rows, doors=doors)
    except PolicyError as error:
        raise fail(str(error)) from None


def stored(settings: Settings) -> Sequence[PolicyRow]:
    """The stored policies in force; none where there is no database yet."""
    try:
        path = sqlite_path(database_url(settings))
        if path is not None and not path.exists():
            return ()
        migrate.ensure(settings)
        database = Database(settings)
        try:
            with database.connect() as connection:
                return in_force(connection)
        finally:
            database.close()
    except (DatabaseError, SchemaMismatch) as error:
        raise fail(str(error)) from None
    except SQLAlchemyError as error:
        raise fail(f"the database cannot be used: {migrate.cause(error)}") from None


def _no_deployment(_name: str) -> Target | None:
    """Deployments are asked by a gateway alone, which knows their health and their prices."""
    return None


class Bench:
    """Tries rows on policies, on an event loop of its own."""

    def __init__(self, settings: Settings, doors: Doors) -> None:
        self._runner = asyncio.Runner()
        self._pool = Pool(settings.upstream)
        open_doors(doors, self._pool, _no_deployment, {})
        self._documents = Documents(settings.dlp)
        self._dialects = spoken(surfaces())

        def make(policies: PolicySource) -> tuple[InspectPrompt, InspectResponse]:
            return inspecting(policies, settings, self._documents)

        bounds = Bounds(settings.server.max_json_depth, settings.server.max_json_values)
        self._trial = Trial(make, self._documents, settings.dlp.max_findings, bounds)

    def judge(self, edition: Edition, row: Row, default: str = "default") -> Result:
        """What the policy that the row names, or `default`, does to it. Raises Untried."""
        try:
            policy = edition.policy(row.policy or default)
        except UnknownPolicy as error:
            raise Untried(f"{row.where}: {error}") from None
        document = row.document
        if document is None:
            document = (prompt_of if row.direction == "prompt" else answer_of)(row.text or "")
        dialect = self._dialects.get(row.dialect)
        if dialect is None:
            raise Untried(f"{row.where}: bodies of the dialect {row.dialect} are not read here")
        attempt = self._trial.prompt if row.direction == "prompt" else self._trial.answer
        subject = Subject(row.team, row.role)
        try:
            return self._runner.run(attempt(policy, dialect, document, subject))
        except GatewayError as error:
            raise Untried(f"{row.where}: {error.message}") from None

    def close(self) -> None:
        """Let go of everything."""
        self._runner.run(self._documents.close())
        self._pool.close()
        self._runner.close()


@contextmanager
def bench(settings: Settings, doors: Doors) -> Iterator[Bench]:
    """A bench for a command; ends the command where a row cannot be tried."""
    opened = Bench(settings, doors)
    try:
        yield opened
    except Untried as error:
        raise fail(str(error)) from None
    finally:
        opened.close()
