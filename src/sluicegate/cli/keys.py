"""`sluicegate keys`: virtual keys from the command line, also beside a running server."""

import time
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Connection, select

from sluicegate.cli.office import Office, fail, office, table
from sluicegate.identity import issuing
from sluicegate.identity.issuing import Issued, NotValid
from sluicegate.objects import Name
from sluicegate.store import tables

app = typer.Typer(help="Virtual keys: create (shown once), list, revoke, rotate.", no_args_is_help=True)

Organisation = Annotated[str, typer.Option(help="The use case's organisation.")]
Id = Annotated[str, typer.Argument(help="The key's id, as `keys list` shows it.")]
ORIGIN = "cli"


@app.command("create")
def create(
    use_case: Annotated[str, typer.Option(help="The use case that the key is bound to.")],
    name: Annotated[str, typer.Option(help="What people call the key.")],
    principal: Annotated[str, typer.Option(help="Who uses it: user:NAME or service_account:NAME.")],
    organisation: Organisation = "default",
    expires: Annotated[str, typer.Option(help="When it stops working (ISO 8601, UTC unless it says).")] = "",
) -> None:
    """Create a key. Its text is printed once and stored nowhere."""
    kind, _, who = principal.partition(":")
    _check_name(name)
    if kind not in ("user", "service_account") or not who or len(principal) > 128 or any(c.isspace() for c in principal):
        raise fail("--principal: expected user:NAME or service_account:NAME")
    with office() as opened:
        issued = _issue(opened, organisation, use_case, name, principal, _instant(expires))
    typer.echo(f"id   {issued.row['id']}")
    typer.echo(f"key  {issued.key}")


@app.command("list")
def list_keys() -> None:
    """List the keys, without their texts."""
    with office() as opened:
        rows = opened.read(_rows)
    now = time.time()
    lines = [
        (
            row["id"],
            row["name"],
            f"…{row['hint']}",
            row["use_case"],
            row["principal"],
            issuing.state(row, now),
            row["origin"],
        )
        for row in rows
    ]
    table(("ID", "NAME", "KEY", "USE CASE", "PRINCIPAL", "STATE", "ORIGIN"), lines)


@app.command("revoke")
def revoke(id: Id) -> None:
    """Revoke a key; the next request with it is refused."""
    revoke_one(id)
    typer.echo(f"revoked {id}")


@app.command("rotate")
def rotate(
    id: Id,
    overlap: Annotated[
        float | None,
        typer.Option(min=0, max=2_592_000, help="Seconds the old text still works; `identity.rotation_overlap` without."),
    ] = None,
) -> None:
    """Give a key a new text, printed once; the old one works on for the overlap."""
    with office() as opened:
        seconds = opened.settings.identity.rotation_overlap if overlap is None else overlap
        row = _writable(opened, id)
        now = time.time()
        try:
            issued = opened.act(
                "key.rotate",
                f"key:{id}",
                row["organisation_id"],
                lambda connection: issuing.rotate(connection, id, now, overlap=seconds),
            )
        except NotValid:
            raise fail("only a valid key can be rotated; create a new one") from None
    typer.echo(f"key  {issued.key}")


def mint_for(organisation: str, use_case: str, *, name: str, principal: str, minutes: int) -> Issued:
    """A key that expires in `minutes`."""
    with office() as opened:
        return _issue(opened, organisation, use_case, name, principal, time.time() + 60 * minutes)


def revoke_one(id: str) -> None:
    """Revoke a key, with its audit entry."""
    with office() as opened:
        row = _writable(opened, id)
        now = time.time()
        opened.act("key.revoke", f"key:{id}", row["organisation_id"], lambda connection: issuing.revoke(connection, id, now))


def _issue(opened: Office, organisation: str, use_case: str, name: str, principal: str, expires_at: float | None) -> Issued:
    bound = opened.read(lambda connection: _use_case(connection, organisation, use_case))
    if bound is None:
        raise fail(f"there is no use case {use_case!r} in the organisation {organisation!r}")

    def change(connection: Connection) -> Issued:
        return issuing.issue(
            connection, bound, time.time(), name=name, principal=principal, origin=ORIGIN, expires_at=expires_at
        )

    return opened.act("key.create", f"key:{name}", bound["organisation_id"], change)


def _writable(opened: Office, id: str) -> Any:
    row = opened.read(lambda connection: issuing.find(connection, id))
    if row is None:
        raise fail(f"there is no key with the id {id}")
    if row["origin"] == "file":
        raise fail("this key is declared in the settings file; change it there")
    return row


def _use_case(connection: Connection, organisation: str, name: str) -> Any:
    case, owner = tables.use_case, tables.organisation
    joined = case.join(owner, owner.c.id == case.c.organisation_id)
    found = select(case).select_from(joined).where(case.c.name == name, owner.c.name == organisation)
    return connection.execute(found).mappings().first()


def _rows(connection: Connection) -> Any:
    key, case = tables.virtual_key, tables.use_case
    joined = key.join(case, case.c.id == key.c.use_case_id)
    found = select(key, case.c.name.label("use_case")).select_from(joined).where(key.c.rotated_to.is_(None))
    return connection.execute(found.order_by(key.c.id)).mappings().all()


def _check_name(name: str) -> None:
    try:
        TypeAdapter(Name).validate_python(name)
    except ValidationError:
        raise fail(
            "--name: expected letters, digits and . _ : / @ * -, at most 128, beginning with a letter or digit"
        ) from None


def _instant(text: str) -> float | None:
    if not text:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise fail(f"--expires: {text!r} is no ISO 8601 date") from None
    stamp = instant.replace(tzinfo=instant.tzinfo or UTC).timestamp()
    if stamp <= time.time():
        raise fail("--expires: the key would have expired already")
    return stamp
