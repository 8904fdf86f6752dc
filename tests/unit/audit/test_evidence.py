import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from sluicegate.audit.checkpoint import NoteInvalid
from sluicegate.audit.evidence import verify_export, verify_proof
from sluicegate.audit.export import Selection, export_log, export_proof, export_selection
from tests.support.auditing import Running, exchanges, running, settings_in


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Running]:
    settings = settings_in(tmp_path, checkpoint_entries=16)
    async with running(settings) as opened:
        await exchanges(opened.log, 20, organisation="a")
        await exchanges(opened.log, 20, organisation="b")
    async with running(settings) as opened:
        yield opened


def whole(at: Running) -> list[str]:
    with at.database.connect() as connection:
        return list(export_log(connection, at.log.verifier_key))


def selected(at: Running, selection: Selection) -> list[str]:
    with at.database.connect() as connection:
        return list(export_selection(connection, at.log.verifier_key, selection))


async def test_a_whole_export_verifies_and_a_changed_one_names_the_entry(at: Running) -> None:
    lines = whole(at)
    report = verify_export(lines, at.log.verifier_key)
    assert (report.exit_code, report.entries, report.covered) == (0, 80, 80)
    place = next(n for n, line in enumerate(lines) if line.startswith('{"index":33,'))
    lines[place] = lines[place - 1].replace('"index":32,', '"index":33,')
    report = verify_export(lines, at.log.verifier_key)
    assert report.exit_code == 1
    assert report.findings[0].first == 33


async def test_the_key_in_the_file_is_used_only_if_none_is_given_and_that_is_said(at: Running) -> None:
    lines = whole(at)
    assert "taken from the export" in verify_export(lines).information[-1]
    other = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    assert verify_export(lines, other).exit_code == 1


async def test_a_selection_proves_each_entry(at: Running) -> None:
    lines = selected(at, Selection(organisation="b"))
    report = verify_export(lines, at.log.verifier_key)
    assert (report.exit_code, report.entries, report.covered) == (0, 40, 40)
    assert "none was left out" in report.information[0]
    assert verify_export(lines[:-1], at.log.verifier_key).findings[0].kind == "cut off"
    assert {finding.kind for finding in verify_export([*lines[:3], lines[5], lines[4], *lines[6:]]).findings} >= {"moved"}
    document = json.loads(lines[7])
    document["body"] = json.loads(lines[8])["body"]
    report = verify_export([*lines[:7], json.dumps(document), *lines[8:]], at.log.verifier_key)
    assert [(finding.kind, finding.first) for finding in report.findings] == [("changed", document["index"])]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _lines: [],
        lambda lines: ["{}\n", *lines[1:]],
        lambda lines: ["[]\n", *lines[1:]],
        lambda lines: [*lines[:3], "nonsense\n"],
        lambda lines: [*lines[:3], '{"index":-1,"body":""}\n'],
        lambda lines: [*lines[:3], '{"index":1,"body":"!"}\n'],
        lambda lines: [*lines[:3], '{"index":1}\n'],
        lambda lines: [lines[0].replace('"v":1', '"v":2'), *lines[1:]],
        lambda lines: [lines[0].replace("+", "-"), *lines[1:]],
    ],
)
async def test_a_file_that_is_no_export_is_undecided(at: Running, spoil: Callable[[list[str]], list[str]]) -> None:
    report = verify_export(spoil(whole(at)))
    assert report.exit_code == 2
    assert report.undecided


async def test_one_entrys_proof_verifies_alone(at: Running) -> None:
    for index in (0, 1, 16, 63, 79):
        with at.database.connect() as connection:
            body, text = export_proof(connection, index)
        assert text.startswith(f"c2sp.org/tlog-proof@v1\nindex {index}\n")
        assert verify_proof(text, body, at.log.verifier_key)
        assert verify_proof(text.replace("\nindex", "\nextra AA==\nindex", 1), body, at.log.verifier_key)
        assert not verify_proof(text, body + b" ", at.log.verifier_key)
        assert not verify_proof(text.replace(f"index {index}", f"index {index + 1}"), body, at.log.verifier_key)


@pytest.mark.parametrize(
    "text",
    ["", "c2sp.org/tlog-proof@v1\n\nx", "c2sp.org/tlog-proof@v1\nindex x\n\nx", "c2sp.org/tlog-proof@v1\nindex 1\n!\n\nx"],
)
async def test_what_is_no_proof_is_refused(at: Running, text: str) -> None:
    with pytest.raises(NoteInvalid):
        verify_proof(text, b"", at.log.verifier_key)
