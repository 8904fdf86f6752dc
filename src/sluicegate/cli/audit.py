"""`sluicegate audit`: verify the log and take it away."""

import sys
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Connection

from sluicegate.audit.checkpoint import NoteInvalid, Verifier
from sluicegate.audit.evidence import verify_export
from sluicegate.audit.export import NotCovered, Selection, export_log, export_proof, export_selection, parts
from sluicegate.audit.head import AuditDamaged
from sluicegate.audit.log import act_now, journal_path, journaled, key_path, load_signer
from sluicegate.audit.sequencer import PUBLISHED, Order
from sluicegate.audit.stamped import missing
from sluicegate.audit.verify import Report, verify
from sluicegate.cli.office import Office, actor, fail, office
from sluicegate.store.journal import JournalDamaged, read

app = typer.Typer(help="The audit log: verify it, export it.", no_args_is_help=True)

First = Annotated[int | None, typer.Option(min=0, help="Only entries from this index on.")]
Last = Annotated[int | None, typer.Option(min=0, help="Only entries up to this index, which is included.")]
UNDECIDED = 2


@app.command("verify")
def verify_log(
    export: Annotated[Path | None, typer.Argument(help="An export; without one the installation's database.")] = None,
    key: Annotated[str, typer.Option(help="The log's public key, as a C2SP verifier key.")] = "",
    checkpoint: Annotated[
        list[Path] | None, typer.Option(help="A checkpoint kept elsewhere that the log must contain.")
    ] = None,
) -> None:
    """Check that no entry was changed, removed, swapped or cut off. Exit status: 0 valid, 1 invalid, 2 cannot decide."""
    try:
        if key:
            Verifier.parse(key)
        published = [path.read_text(encoding="utf-8") for path in checkpoint or ()]
        if export is None:
            report = _verify_database(key, published)
        else:
            with export.open(encoding="utf-8", errors="surrogateescape") as lines:
                report = verify_export(lines, key, published)
    except NoteInvalid as error:
        raise fail(f"--key: {error}", UNDECIDED) from None
    except UnicodeDecodeError:
        raise fail("--checkpoint: not a checkpoint, which is UTF-8 text", UNDECIDED) from None
    except OSError as error:
        raise fail(f"{error.filename}: {error.strerror}", UNDECIDED) from None
    raise typer.Exit(_tell(report))


@app.command("export")
def export_entries(
    output: Annotated[Path | None, typer.Option(help="The file to write; standard output without.")] = None,
    organisation: Annotated[str | None, typer.Option(help="Only the entries of this organisation (its id).")] = None,
    first: First = None,
    last: Last = None,
) -> None:
    """Write the log as JSON lines: whole, or selected entries each with its inclusion proof."""
    selection = Selection(first=first, last=last, organisation=organisation)
    with office() as opened:
        signer = load_signer(opened.settings)

        def write(connection: Connection) -> None:
            whole = selection == Selection()
            key = str(signer.verifier)
            _write(output, export_log(connection, key) if whole else export_selection(connection, key, selection))

        try:
            opened.read(write)
        except NotCovered as error:
            raise fail(str(error)) from None


@app.command("proof")
def proof(
    index: Annotated[int, typer.Argument(min=0, help="The entry's index.")],
    output: Annotated[
        Path, typer.Option(help="The file for the entry's bytes; the proof goes beside it, as FILE.tlog-proof.")
    ],
) -> None:
    """Write one entry and its inclusion proof (C2SP tlog-proof), which tell nothing of the other entries."""
    with office() as opened:
        try:
            body, text = opened.read(lambda connection: export_proof(connection, index))
        except NotCovered as error:
            raise fail(str(error)) from None
        beside = output.with_name(f"{output.name}.tlog-proof")
        with output.open("xb") as file, beside.open("x", encoding="utf-8") as proof_file:
            file.write(body)
            proof_file.write(text)
    typer.echo(f"{output}\n{beside}")


@app.command("republish")
def republish() -> None:
    """Write the copy of the last checkpoint anew, after verifying the log; recorded. For when audit.checkpoint was lost."""
    with office() as opened:
        settings = opened.settings
        report = _verified(opened, load_signer(settings).verifier, [])
        if report.exit_code:
            _tell(report)
            raise fail("the log does not verify, so no checkpoint is published")
        act_now(opened.database, settings, actor(), "audit.republish", PUBLISHED, None, lambda _: None, Order.CHECKPOINT)
        typer.echo(f"{settings.data_dir / PUBLISHED} is written anew")


def _verified(opened: Office, verifier: Verifier, published: list[str]) -> Report:
    """Verify the database, also against the checkpoint that was published beside it."""
    waiting, damage = _waiting(opened)
    kept = opened.settings.data_dir / PUBLISHED
    present = kept.exists()
    if present:
        published = [*published, kept.read_text(encoding="utf-8")]

    def check(connection: Connection) -> Report:
        with closing(parts(connection)) as stream:
            return verify(stream, verifier, published)

    report = opened.read(check)
    if not present and report.covered:
        report.information.append(f"{kept} is not there, so a cut-off tail would not show: was it removed?")
    if waiting:
        report.information.append(
            f"{waiting} more entries are in the journal: a running gateway adds them to the log at once, a stopped one when "
            "it starts"
        )
    report.undecided = report.undecided or damage
    return report


def _waiting(opened: Office) -> tuple[int, str]:
    """How many entries are in the journal and not in the database, and what is wrong with the journal."""
    path = journal_path(opened.database)
    if path is None:
        return 0, ""
    try:
        stamped = journaled(path, read(path))
    except (JournalDamaged, AuditDamaged) as error:
        return 0, str(error)
    return len(opened.read(lambda connection: missing(connection, stamped))), ""


def _verify_database(key: str, published: list[str]) -> Report:
    with office(UNDECIDED) as opened:
        settings = opened.settings
        if not key and not key_path(settings).exists():
            raise fail("the log's signing key is not here; give its public key as --key", UNDECIDED)
        verifier = Verifier.parse(key) if key else load_signer(settings).verifier
        return _verified(opened, verifier, published)


def _tell(report: Report) -> int:
    for finding in report.findings:
        typer.echo(str(finding))
    if report.count > len(report.findings):
        typer.echo(f"… and {report.count - len(report.findings)} more")
    for line in report.information:
        typer.echo(line)
    if report.undecided:
        typer.echo(f"cannot decide: {report.undecided}", err=True)
    status = report.exit_code
    word = ("valid", "INVALID", "undecided")[status]
    typer.echo(f"{word}: {report.entries} entries, {report.covered} of them under a signed checkpoint")
    return status


def _write(output: Path | None, lines: Iterable[str]) -> None:
    if output is None:
        sys.stdout.writelines(lines)
        return
    with output.open("x", encoding="utf-8") as file:
        file.writelines(lines)
