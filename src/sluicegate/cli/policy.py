"""`sluicegate policy`: is a guardrail policy right, what does it do, and what would it have done?"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from msgspec.structs import replace

from sluicegate.cli.office import fail, office, settings_or_exit, table
from sluicegate.cli.policy_bench import Bench, bench, compiled, stored
from sluicegate.cli.policy_texts import Case, Direction, Row, TextsError, cases, rows
from sluicegate.cli.simulation import Comparison, numbers, past, replayed, seconds
from sluicegate.dlp.external.doors import Doors
from sluicegate.dlp.hindsight import done, gravest_shadow
from sluicegate.dlp.policy import Edition
from sluicegate.web.trial import Result

app = typer.Typer(help="Guardrail policies: check, test, simulate.", no_args_is_help=True)

File = Annotated[Path | None, typer.Argument(help="A policy file; the one in force without.")]
Name = Annotated[str, typer.Option(help="The policy.")]
AsJson = Annotated[bool, typer.Option("--json", help="For machines: JSON.")]


@app.command("check")
def check(file: File = None) -> None:
    """Compile a policy file and say what is wrong where. Exit status 1 if anything is."""
    settings = settings_or_exit()
    edition = compiled(settings, file, () if file is not None else stored(settings))
    typer.echo(f"ok: {', '.join(sorted(edition.policies))} (policy version {edition.version})")


@app.command("test")
def attempt(
    file: File = None,
    policy: Name = "default",
    text: Annotated[list[str] | None, typer.Option(help="A text; may be given several times.")] = None,
    text_file: Annotated[list[Path] | None, typer.Option("--file", help="A file that is one text; `-` is stdin.")] = None,
    jsonl: Annotated[Path | None, typer.Option(help="Lines of JSON with `text`, or with `document` and `dialect`.")] = None,
    cases_file: Annotated[Path | None, typer.Option("--cases", help="A YAML list of texts and what is expected.")] = None,
    answer: Annotated[bool, typer.Option("--answer", help="The texts are answers, not prompts.")] = False,
    team: Annotated[str, typer.Option(help="The team that they are from.")] = "",
    role: Annotated[str, typer.Option(help="The role that they are from.")] = "",
    as_json: AsJson = False,
) -> None:
    """Say what a policy finds in texts and does about it. Exit status 1 where a case is not as expected."""
    settings = settings_or_exit()
    direction: Direction = "answer" if answer else "prompt"
    given = [Row(text=each, where=f"text {number}") for number, each in enumerate(text or (), 1)]
    try:
        given += [Row(text=_read(path), where=str(path)) for path in text_file or ()]
        given = [_with(row, direction, team, role) for row in given]
        given += list(rows(jsonl)) if jsonl is not None else []
        expected = cases(cases_file) if cases_file is not None else ()
    except (TextsError, OSError) as error:
        raise fail(_said(error)) from None
    if not given and not expected:
        raise fail("nothing to test: give --text, --file, --jsonl or --cases", 2)
    doors = Doors()
    edition = compiled(settings, file, () if file is not None else stored(settings), doors)
    with bench(settings, doors) as opened:
        for row in given:
            _tell(row, opened.judge(edition, row, policy), as_json=as_json)
        wrong = sum(not _holds(opened, edition, case, number, policy) for number, case in enumerate(expected, 1))
    if expected:
        typer.echo(f"{len(expected) - wrong} of {len(expected)} cases as expected", err=as_json)
    raise typer.Exit(1 if wrong else 0)


@app.command("simulate")
def simulate(
    since: Annotated[str, typer.Option(help="Recorded exchanges of so long: 90m, 24h, 7d.")] = "",
    jsonl: Annotated[Path | None, typer.Option(help="Texts and requests, instead of recorded exchanges.")] = None,
    file: Annotated[Path | None, typer.Option(help="The policy file to compare; what is in force without.")] = None,
    policy: Annotated[str, typer.Option(help="This policy for everything, instead of the one that each names.")] = "",
    as_json: AsJson = False,
) -> None:
    """Say what would have been blocked, redacted, tokenised, rerouted and alerted, beside what was."""
    if bool(since) == (jsonl is not None):
        raise fail("give either --since or --jsonl", 2)
    if jsonl is not None:
        comparison = _replay(jsonl, file, policy)
    else:
        try:
            span = seconds(since)
        except ValueError:
            raise fail("--since: expected a number and one of m, h, d: 90m, 24h, 7d", 2) from None
        with office() as opened:
            new = compiled(opened.settings, file, stored(opened.settings))
            now = compiled(opened.settings, None, stored(opened.settings)) if file is not None else new
            comparison = opened.read(lambda connection: past(connection, span, now, new, policy))
    if as_json:
        typer.echo(json.dumps(comparison.said()))
        return
    _show(comparison)


def _replay(jsonl: Path, file: Path | None, policy: str) -> Comparison:
    settings = settings_or_exit()
    kept, doors = stored(settings), Doors()
    now = compiled(settings, None, kept, doors)
    new = compiled(settings, file, kept, doors) if file is not None else now
    try:
        with bench(settings, doors) as opened:
            return replayed(opened, rows(jsonl), now, new, policy)
    except (TextsError, OSError) as error:
        raise fail(_said(error)) from None


def _show(comparison: Comparison) -> None:
    typer.echo(comparison.what)
    lines = [(action, str(was), str(would)) for action, was, would in comparison.totals()]
    table(("ACTION", comparison.before.upper(), "WOULD BE"), lines)
    changes = [(was, would, str(count)) for was, would, count in comparison.moved()]
    if changes:
        typer.echo()
        table((comparison.before.upper(), "WOULD BE", comparison.unit.upper()), changes)
    per_rule = [(rule, str(count), *each) for rule, count, each in comparison.by_rule()]
    if per_rule:
        typer.echo()
        table(("RULE", comparison.unit.upper(), comparison.before.upper(), "WOULD BE"), per_rule)
    if comparison.shadow:
        typer.echo(f"\nonly recorded, in shadow: {numbers(comparison.shadow)}")
    for note in comparison.notes:
        typer.echo(f"\n{note}")


def _tell(row: Row, result: Result, *, as_json: bool) -> None:
    action, shadow = done(result.decision), gravest_shadow(result.decision.detail)
    if as_json:
        typer.echo(json.dumps(_machine(row, result)))
        return
    typer.echo(f"{row.where}: {action} ({result.decision.reason})" + (f", in shadow {shadow}" if shadow != "allow" else ""))
    lines = [
        (f"{each.start}-{each.end}", each.rule, each.kind, each.severity, each.action, each.mode, each.path)
        for each in result.findings
    ]
    if lines:
        table(("PLACE", "RULE", "KIND", "SEVERITY", "ACTION", "MODE", "IN"), lines)
    if result.edited and row.text is not None and result.text is not None:
        typer.echo(f"as it leaves: {result.text}")


def _machine(row: Row, result: Result) -> dict[str, Any]:
    decision = result.decision
    return {
        "where": row.where,
        "action": done(decision),
        "verdict": decision.verdict,
        "reason": decision.reason,
        "findings": [{name: getattr(each, name) for name in each.__struct_fields__} for each in result.findings],
        "complete": result.complete,
        "text": result.text if row.text is not None else None,
        "document": None if row.text is not None else result.document,
    }


def _holds(opened: Bench, edition: Edition, case: Case, number: int, policy: str) -> bool:
    """Whether a case is as expected; says so where it is not."""
    row = _with(case.row, case.direction, case.team, case.role, f"case {case.name or number}")
    result = opened.judge(edition, row, policy)
    expect, action = case.expect, done(result.decision)
    wrong: list[str] = []
    if expect.action is not None and action != expect.action:
        wrong.append(f"expected {expect.action}, and {action} is done")
    found = sorted({name[5:] for name in result.decision.detail if name.startswith("rule:")})
    if expect.rules is not None and found != sorted(expect.rules):
        wrong.append(f"expected {_list(sorted(expect.rules))}, and {_list(found)} found")
    for each in wrong:
        typer.echo(f"{row.where}: {each}", err=True)
    return not wrong


def _with(row: Row, direction: Direction, team: str, role: str, where: str = "") -> Row:
    return replace(row, direction=direction, team=team, role=role, where=where or row.where)


def _list(names: Sequence[str]) -> str:
    return ", ".join(names) if names else "nothing"


def _read(path: Path) -> str:
    try:
        return (sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()).decode()
    except UnicodeDecodeError:
        raise TextsError(f"{path}: not UTF-8") from None


def _said(error: Exception) -> str:
    return f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else str(error)
