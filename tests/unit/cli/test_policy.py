"""`sluicegate policy`."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from sluicegate.core.ids import new_id
from sluicegate.store import tables
from sluicegate.store.database import Database
from tests.support.installation import Installation

TICKET = {"id": "ticket", "kind": "ticket", "severity": "low", "label": "TICKET", "pattern": "T-[0-9]{4,6}"}
BADGE = {"id": "badge", "kind": "badge", "severity": "low", "label": "BADGE", "pattern": "B-[0-9]{4}"}


def policies(folder: Path, name: str, prompt: dict[str, Any], answer: dict[str, Any] | None = None) -> Path:
    path = folder / name
    document = {"policies": {"default": {"prompt": prompt, "answer": answer or {}}}, "rules": [TICKET, BADGE]}
    path.write_text(yaml.safe_dump(document))
    return path


@pytest.fixture
def now(fresh: Installation) -> Path:
    """The policy file that the settings name."""
    path = policies(fresh.folder, "now.yaml", {"ticket": "alert"}, {"ticket": "redact"})
    fresh.write({"demo": {"ollama_url": ""}, "dlp": {"policies": str(path)}})
    return path


def test_check(fresh: Installation, now: Path) -> None:
    good = fresh.run("policy", "check", str(now))
    assert (good.exit_code, good.stdout.startswith("ok: default (policy version ")) == (0, True)
    assert fresh.run("policy", "check").stdout == good.stdout
    wrong = policies(fresh.folder, "wrong.yaml", {"tickt": "alert"})
    refused = fresh.run("policy", "check", str(wrong))
    assert refused.exit_code == 1
    assert refused.stderr == f"{wrong}: policies.default.prompt.tickt: no rule and no kind is called that\n"
    assert fresh.run("policy", "check", "nothing.yaml").exit_code == 1
    assert not fresh.data.exists(), "it makes nothing"


def test_texts(fresh: Installation, now: Path) -> None:
    (fresh.folder / "one.txt").write_text("two T-1234")
    told = fresh.run("policy", "test", str(now), "--text", "T-1234", "--file", str(fresh.folder / "one.txt"), "--answer")
    assert told.exit_code == 0
    assert told.stdout.splitlines() == [
        "text 1: redact (answer_redacted)",
        "PLACE  RULE    KIND    SEVERITY  ACTION  MODE     IN",
        "0-6    ticket  ticket  low       redact  enforce  choices[0].message.content",
        "as it leaves: [TICKET]",
        f"{fresh.folder}/one.txt: redact (answer_redacted)",
        "PLACE  RULE    KIND    SEVERITY  ACTION  MODE     IN",
        "4-10   ticket  ticket  low       redact  enforce  choices[0].message.content",
        "as it leaves: two [TICKET]",
    ]
    said = json.loads(fresh.run("policy", "test", "--text", "T-1234", "--json").stdout)
    assert (said["action"], said["findings"][0]["rule"], said["text"]) == ("alert", "ticket", "T-1234")
    assert fresh.run("policy", "test").exit_code == 2
    assert fresh.run("policy", "test", "--text", "x", "--policy", "nobody").exit_code == 1


def test_shadow_is_told(fresh: Installation) -> None:
    path = policies(fresh.folder, "p.yaml", {"ticket": {"action": "block", "mode": "shadow"}})
    told = fresh.run("policy", "test", str(path), "--text", "T-1234")
    assert told.stdout.splitlines()[0] == "text 1: allow (prompt_alerted), in shadow block"


def test_cases(fresh: Installation, now: Path) -> None:
    cases = fresh.folder / "cases.yaml"
    good = [
        {"text": "T-1234", "expect": {"action": "alert", "rules": ["ticket"]}},
        {"text": "T-1234", "direction": "answer", "expect": {"action": "redact"}},
        {"text": "x", "expect": {"rules": []}},
    ]
    cases.write_text(yaml.safe_dump(good))
    held = fresh.run("policy", "test", str(now), "--cases", str(cases))
    assert (held.exit_code, held.stdout) == (0, "3 of 3 cases as expected\n")
    wrong = [*good, {"name": "odd", "text": "T-1234", "expect": {"action": "block", "rules": []}}]
    cases.write_text(yaml.safe_dump(wrong))
    failed = fresh.run("policy", "test", str(now), "--cases", str(cases))
    assert (failed.exit_code, failed.stdout) == (1, "3 of 4 cases as expected\n")
    assert failed.stderr == "case odd: expected block, and alert is done\ncase odd: expected nothing, and ticket found\n"


def test_lines_are_inspected_by_both(fresh: Installation, now: Path) -> None:
    new = policies(fresh.folder, "new.yaml", {"ticket": "block", "badge": {"action": "redact", "mode": "shadow"}})
    lines = [
        {"text": "T-1234"},
        {"text": "B-1234", "label": "members nobody knows do not count"},
        {"dialect": "openai_chat", "document": {"model": "m", "messages": [{"role": "user", "content": "T-1234"}]}},
        {"text": "T-1234", "direction": "answer"},
    ]
    path = fresh.folder / "lines.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    told = json.loads(fresh.run("policy", "simulate", "--jsonl", str(path), "--file", str(new), "--json").stdout)
    assert told["totals"] == {
        "block": {"was": 0, "would_be": 2},
        "redact": {"was": 1, "would_be": 0},
        "alert": {"was": 2, "would_be": 0},
        "allow": {"was": 1, "would_be": 2},
    }
    assert told["shadow"] == {"redact": 1}
    shown = fresh.run("policy", "simulate", "--jsonl", str(path), "--file", str(new)).stdout
    assert "IN FORCE" in shown
    assert "only recorded, in shadow: redact 1" in shown
    alone = json.loads(fresh.run("policy", "simulate", "--jsonl", str(path), "--json").stdout)
    assert alone["changes"] == []


def test_a_line_is_named_and_never_quoted(fresh: Installation, now: Path) -> None:
    path = fresh.folder / "lines.jsonl"
    for line in (
        '{"text": "hunter2',
        '{"text": 7, "x": "hunter2"}',
        '{"direction": "hunter2", "text": "x"}',
        '{"x": "hunter2"}',
    ):
        path.write_text('{"text": "x"}\n' + line)
        refused = fresh.run("policy", "simulate", "--jsonl", str(path))
        assert refused.exit_code == 1
        assert refused.stderr.startswith(f"{path}:2: ")
        assert "hunter2" not in refused.output


def trace(installation: Installation, prompt: dict[str, Any] | None, **more: Any) -> None:
    """Add a trace with what s4 decided."""
    (case,) = installation.rows(tables.use_case)
    decisions = [] if prompt is None else [["s4_inspect_prompt", prompt.pop("verdict"), "r", prompt]]
    row = {
        "exchange_id": new_id(),
        "at_ns": time.time_ns(),
        "organisation_id": case["organisation_id"],
        "team_id": case["team_id"],
        "use_case_id": case["id"],
        "principal": "user:x",
        "surface": "/v1/chat/completions",
        "outcome": "answered",
        "reason": "allowed",
        "detail": {"decisions": decisions, "attempts": []},
    }
    counted = ("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens", "nano_usd", "latency_us")
    database = Database(installation.settings())
    with database.transaction() as connection:
        connection.execute(tables.trace.insert().values(**{**row, **dict.fromkeys(counted, 0), **more}))
    database.close()


def test_what_was_recorded_is_judged_again(fresh: Installation, now: Path) -> None:
    installation = fresh.start()
    new = policies(fresh.folder, "new.yaml", {"ticket": {"action": "block", "count": 2}, "badge": "alert"})
    trace(installation, None)
    trace(installation, {"verdict": "flag", "rule:ticket": 1, "alerted": ["ticket"]})
    trace(installation, {"verdict": "flag", "rule:ticket": 2, "alerted": ["ticket"]})
    trace(installation, None, use_case_id=None)
    trace(
        installation, {"verdict": "flag", "rule:ticket": 2, "alerted": ["ticket"]}, at_ns=time.time_ns() - 3 * 86_400 * 10**9
    )
    told = json.loads(installation.run("policy", "simulate", "--since", "1d", "--file", str(new), "--json").stdout)
    assert told["what"].startswith("4 exchanges since then; what would be done was recomputed for 2")
    assert "1 were refused before" in told["what"]
    assert told["changes"] == [{"was": "alert", "would_be": "block", "count": 1}]
    assert told["rules"]["ticket"] == {"count": 2, "was": "alert 2", "would_be": "block 1, alert 1"}
    assert any("1 rules are not looked for by what is in force now" in note and "badge" in note for note in told["notes"])
    assert "A trace keeps no text" in told["notes"][0]
    same = json.loads(installation.run("policy", "simulate", "--since", "7d", "--json").stdout)
    assert (same["changes"], same["totals"]["alert"]) == ([], {"was": 3, "would_be": 3})


@pytest.mark.parametrize("arguments", [(), ("--since", "1d", "--jsonl", "x"), ("--since", "1w"), ("--since", "d")])
def test_wrong_usage(fresh: Installation, arguments: tuple[str, ...]) -> None:
    assert fresh.run("policy", "simulate", *arguments).exit_code == 2
