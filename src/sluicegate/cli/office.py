"""What the commands share: settings, the database beside a running server, and recorded changes."""

import os
import pwd
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import typer
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from sluicegate.audit.checkpoint import NoteInvalid
from sluicegate.audit.head import AuditDamaged, AuditRollback
from sluicegate.audit.log import act_now
from sluicegate.identity.changes import FILE, ControlChanges
from sluicegate.settings import Settings, SettingsError, load
from sluicegate.store import migrate
from sluicegate.store.database import Database, DatabaseError, database_url, sqlite_path
from sluicegate.store.migrate import SchemaMismatch

T = TypeVar("T")


def fail(message: str, status: int = 1) -> typer.Exit:
    """Say what is wrong on standard error; raise what this returns."""
    typer.echo(message, err=True)
    return typer.Exit(status)


def settings_or_exit(status: int = 1) -> Settings:
    """The settings in force; ends the command with what is wrong with them."""
    try:
        return load()
    except SettingsError as error:
        raise fail(str(error), status) from None


class Office:
    """The installation's database, for a command. A server may be running on it in another process."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.database = Database(settings)

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on a reading connection."""
        with self.database.connect() as connection:
            return work(connection)

    def act(self, action: str, subject: str, organisation: str | None, change: Callable[[Connection], T]) -> T:
        """Make `change` and its audit entry durable together, and tell a running server."""
        result = act_now(self.database, self.settings, actor(), action, subject, organisation, change)
        changes = ControlChanges(self.settings.data_dir / FILE)
        changes.touch()
        changes.close()
        return result


def actor() -> str:
    """Who acts: the user of this process, as audit entries name it."""
    return f"command:{_who()}"


def _who() -> str:
    """The user's name. `getpass.getuser` would believe the environment, and this goes into evidence."""
    number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"uid-{number}"


@contextmanager
def office(status: int = 1) -> Iterator[Office]:
    """Open the installation that the settings name; ends the command with `status` where it cannot be used."""
    settings = settings_or_exit(status)
    try:
        _must_exist(settings)
        migrate.ensure(settings)
        opened = Office(settings)
    except (DatabaseError, SchemaMismatch) as error:
        raise fail(str(error), status) from None
    try:
        yield opened
    except (AuditRollback, AuditDamaged, NoteInvalid) as error:
        raise fail(f"the audit log cannot be used: {error}", status) from None
    except SQLAlchemyError as error:
        raise fail(f"the database cannot be used: {migrate.cause(error)}", status) from None
    except BrokenPipeError:
        raise  # whoever read our output has gone; the command line ends quietly
    except OSError as error:
        raise fail(f"{error.filename}: {error.strerror}" if error.filename else str(error), status) from None
    finally:
        opened.database.close()


def _must_exist(settings: Settings) -> None:
    """A command looks at an installation and never makes one: an empty one would only hide a wrong path."""
    path = sqlite_path(database_url(settings))
    if path is not None and not path.exists():
        raise DatabaseError(f"there is no database at {path}: start the gateway once, or say where it is (docs/settings.md)")


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print aligned columns."""
    widths = [max(len(line[column]) for line in [header, *rows]) for column in range(len(header))]
    for line in [header, *rows]:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
