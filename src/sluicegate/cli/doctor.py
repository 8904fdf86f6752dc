"""`sluicegate doctor`: what would keep the gateway from starting, or from being what it should be."""

import os
import socket
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from sluicegate.cli.office import settings_or_exit
from sluicegate.settings import Settings

if TYPE_CHECKING:
    from sluicegate.dlp.policy_rows import PolicyRow

Check = Callable[[Settings], Iterator[str]]


def doctor() -> None:
    """Check settings, files, database, guardrails, credentials and the port. Exit status 1 if anything is wrong."""
    settings = settings_or_exit()
    wrong = 0
    typer.echo("ok    settings")
    for name, check in CHECKS.items():
        findings = list(check(settings))
        wrong += len(findings)
        typer.echo(f"{'wrong' if findings else 'ok   '} {name}")
        for finding in findings:
            typer.echo(f"      {finding}")
    raise typer.Exit(1 if wrong else 0)


def _data(settings: Settings) -> Iterator[str]:
    folder = settings.data_dir
    if not folder.exists():
        return
    if not folder.is_dir():
        yield f"{folder}: is no folder"
        return
    for path in (folder, *sorted(folder.iterdir())):
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o007:
            yield f"{path}: can be read by everybody (mode {mode:04o})"


def _database(settings: Settings) -> Iterator[str]:
    from sluicegate.store.database import DatabaseError, database_url, sqlite_path
    from sluicegate.store.migrate import SchemaMismatch, ensure

    try:
        if not _made(settings):
            path = sqlite_path(database_url(settings))
            assert path is not None
            yield from _writable(path.parent)
            return
        ensure(settings)
    except (DatabaseError, SchemaMismatch) as error:
        yield str(error)


def _made(settings: Settings) -> bool:
    """Whether there is a database already. Raises DatabaseError."""
    from sluicegate.store.database import database_url, sqlite_path

    path = sqlite_path(database_url(settings))
    return path is None or path.exists()


def _writable(folder: Path) -> Iterator[str]:
    """Whether the first start could make the folder or write into it; this check makes nothing."""
    there = next(place for place in (folder, *folder.parents) if place.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        yield f"{folder}: cannot be written"


def _audit(settings: Settings) -> Iterator[str]:
    from sluicegate.audit.checkpoint import NoteInvalid
    from sluicegate.audit.log import key_path, load_signer

    try:
        if key_path(settings).exists():  # otherwise the first start makes it
            load_signer(settings)
    except (NoteInvalid, OSError) as error:
        yield str(error)


def _guardrails(settings: Settings) -> Iterator[str]:
    from sluicegate.app import automata
    from sluicegate.dlp.built_in import built_in
    from sluicegate.dlp.policies import Policies
    from sluicegate.dlp.policy import PolicyError, compile_edition

    kept = folder if (folder := automata(settings)).is_dir() else None
    try:
        path = Policies.path_of(settings.dlp)
        edition = compile_edition(path, settings.dlp, kept, built_in(kept), _stored(settings))
    except PolicyError as error:
        yield str(error)
        return
    known = {*edition.policies, *(name for _, name in edition.own)}
    for case in settings.use_cases:
        if case.guardrail not in known:
            yield f"use case {case.name}: no guardrail policy is called {case.guardrail!r}"


def _stored(settings: Settings) -> "Sequence[PolicyRow]":
    """The guardrail policies in the database; none where it is not there or cannot be read, which its own check tells."""
    from sqlalchemy.exc import SQLAlchemyError

    from sluicegate.dlp.policy_rows import in_force
    from sluicegate.store.database import Database, DatabaseError

    try:
        if not _made(settings):
            return ()
        database = Database(settings)
        try:
            with database.connect() as connection:
                return in_force(connection)
        finally:
            database.close()
    except (DatabaseError, SQLAlchemyError):
        return ()


def _providers(settings: Settings) -> Iterator[str]:
    from sluicegate.providers.presets import resolve
    from sluicegate.settings import SettingsError

    for spec in settings.providers:
        try:
            resolve(spec)
        except SettingsError as error:
            yield str(error)
        yield from _credential(f"provider {spec.name}", spec.credential)


def _declared(settings: Settings) -> Iterator[str]:
    """What the start would do with the declared objects, undone again."""
    from sqlalchemy.exc import SQLAlchemyError

    from sluicegate.providers.presets import resolve
    from sluicegate.settings import SettingsError
    from sluicegate.store import declared
    from sluicegate.store.database import Database, DatabaseError

    try:
        if not _made(settings):
            yield from _named(settings)
            return
        database = Database(settings)
        with database.open_writing() as connection, connection.begin() as transaction:
            try:
                declared.apply(connection, settings, time.time(), resolve)
            except SettingsError as error:
                yield from str(error).splitlines()
            transaction.rollback()
        database.close()
    except (DatabaseError, SQLAlchemyError):
        return  # which the check of the database has told


def _named(settings: Settings) -> Iterator[str]:
    """What is declared beside what, as long as there is no database to look into."""
    names = {spec.name for spec in settings.providers}
    for deployment in settings.deployments:
        if deployment.provider not in names:
            yield f"deployment {deployment.name}: there is no provider {deployment.provider}"


def _metrics(settings: Settings) -> Iterator[str]:
    yield from _credential("metrics.credential", settings.metrics.credential)


def _credential(whose: str, reference: str | None) -> Iterator[str]:
    from sluicegate.core.provider import SecretUnavailable
    from sluicegate.secrets.reference import credential

    if reference:
        try:
            credential(reference).reveal()
        except SecretUnavailable as error:
            yield f"{whose}: {error}"


def _port(settings: Settings) -> Iterator[str]:
    server = settings.server
    family = socket.AF_INET6 if ":" in server.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((server.host, server.port))
        except OSError as error:
            yield f"{server.host}:{server.port}: {error.strerror} (is a gateway running there already?)"


def _tls(settings: Settings) -> Iterator[str]:
    bundle = settings.upstream.ca_file
    if bundle and not Path(bundle).is_file():
        yield f"upstream.ca_file: there is no file {bundle}"


CHECKS: dict[str, Check] = {
    "data folder": _data,
    "database": _database,
    "audit key": _audit,
    "guardrails": _guardrails,
    "providers": _providers,
    "declared objects": _declared,
    "metrics": _metrics,
    "certificates": _tls,
    "port": _port,
}
