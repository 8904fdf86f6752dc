"""Policies in force: with rows beside the file, swapped whole, and kept where what comes next does not compile."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.dlp.policies import Policies
from sluicegate.dlp.policy import PolicyError, RowError, UnknownPolicy
from sluicegate.dlp.policy_rows import PolicyRow
from sluicegate.settings import Dlp
from tests.support.automata import KEPT

FILE = """
policies:
  default: {prompt: {ticket: redact}, answer: {}}
rules:
  - {id: ticket, kind: ticket, severity: low, label: TICKET, pattern: 'T-[0-9]{4}'}
"""
TEXT = [("", "T-1234 B-1234")]
BADGE = {"id": "badge", "kind": "badge", "severity": "low", "label": "BADGE", "pattern": "B-[0-9]{4}"}


def of(path: Path, content: str = FILE) -> Policies:
    path.write_text(content)
    return Policies(Dlp(policies=str(path)), KEPT)


def row(name: str = "default", organisation: str | None = None, **document: Any) -> PolicyRow:
    return PolicyRow(organisation, name, {"prompt": {}, "answer": {}, **document})


def blocks(policies: Policies, name: str = "default", organisation: str | None = None) -> bool:
    prompt = policies.policy(name, organisation).prompt
    return prompt is not None and prompt.find(TEXT)[0].blocked


async def test_rows_add_to_the_file_and_override_it_for_whom_they_are(tmp_path: Path) -> None:
    own = of(tmp_path / "p.yaml")
    assert await own.adopt([row("new", prompt={"ticket": "block"}), row(organisation="a", prompt={"ticket": "block"})])
    assert blocks(own, "new")
    assert blocks(own, "new", "b")
    assert blocks(own, "default", "a")
    assert not blocks(own, "default", "b")
    assert not blocks(own)
    assert await own.adopt([row(prompt={"ticket": "block"}), row(organisation="a")])
    assert blocks(own, "default", "b")
    assert own.policy("default", "a").prompt is None
    with pytest.raises(UnknownPolicy):
        own.policy("new")
    assert await own.adopt([])
    assert not blocks(own)


async def test_the_version_covers_the_rows(tmp_path: Path) -> None:
    own = of(tmp_path / "p.yaml")
    seen = [own.version]
    for rows in ([row()], [row(organisation="a")], [row("other")], [row(prompt={"ticket": "block"})]):
        await own.adopt(rows)
        seen.append(own.version)
    assert len(set(seen)) == len(seen)
    await own.adopt([])
    assert own.version == seen[0]


async def test_a_row_has_its_rules_to_itself(tmp_path: Path) -> None:
    own = of(tmp_path / "p.yaml")
    mine = row("mine", "a", prompt={"badge": "block"}, rules=[BADGE])
    other = row("mine", "b", prompt={"badge": "block"}, rules=[{**BADGE, "pattern": "C-[0-9]{4}"}])
    wide = row("wide", prompt={"*": "block"})
    assert await own.adopt([mine, other, wide])
    assert blocks(own, "mine", "a")
    assert not blocks(own, "mine", "b")
    everything = own.policy("wide").prompt
    assert everything is not None
    assert "badge" not in everything.index
    with pytest.raises(RowError, match="two are called ticket"):
        await own.check(row(rules=[{**BADGE, "id": "ticket"}]))
    with pytest.raises(RowError, match="rule badge: pattern refused"):
        await own.check(row(rules=[{**BADGE, "pattern": "(?=a)"}]))


async def test_a_row_that_is_wrong_is_named_by_its_place(tmp_path: Path) -> None:
    own = of(tmp_path / "p.yaml")
    with pytest.raises(RowError, match=r"guardrail x of the installation: prompt\.carrd: no rule") as caught:
        await own.check(row("x", "o", prompt={"carrd": "block"}))
    assert caught.value.place == "prompt.carrd: no rule and no kind is called that"
    with pytest.raises(RowError) as caught:
        await own.check(row("x", prompt={"ticket": "reduct"}))
    assert caught.value.place.startswith("Invalid enum value")
    assert own.failure is None


async def test_checking_changes_nothing_and_spares_the_compiling_after_it(tmp_path: Path) -> None:
    own = of(tmp_path / "p.yaml")
    before = own.edition
    new = row("x", prompt={"badge": "block"}, rules=[BADGE])
    await own.check(new)
    assert own.edition is before
    checked = await own.tried(new.document)
    await own.adopt([new])
    prompt = own.policy("x").prompt
    assert checked.prompt is not None
    assert prompt is not None
    assert prompt.scanner is checked.prompt.scanner


async def test_what_is_looked_for_as_before_is_not_compiled_again(tmp_path: Path) -> None:
    own = of(tmp_path / "p.yaml")
    before = own.policy("default").prompt
    own.path.write_text(FILE.replace("redact", "block"))
    assert await own.reload()
    after = own.policy("default").prompt
    assert before is not None
    assert after is not None
    assert blocks(own)
    assert after.scanner is before.scanner
    own.path.write_text(FILE.replace("T-", "U-"))
    assert await own.reload()
    other = own.policy("default").prompt
    assert other is not None
    assert other.scanner is not before.scanner


async def test_where_the_whole_does_not_compile_the_old_edition_stays(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    own = of(tmp_path / "p.yaml")
    await own.adopt([row("uses", prompt={"ticket": "block"})])
    before, loaded = own.edition, own.state.loaded_at
    own.path.write_text("policies: {default: {prompt: {}, answer: {}}}")  # the rule that the row names is gone
    assert not await own.reload()
    assert own.edition is before
    assert blocks(own, "uses")
    assert own.failure is not None
    assert "guardrail uses of the installation: prompt.ticket" in own.failure
    assert own.failure in caplog.text
    assert (own.state.failed, own.state.loaded_at) == (1, loaded)
    assert not await own.adopt([row("uses", prompt={"ticket": "block"}), row("other")])
    assert own.edition is before
    assert await own.adopt([row("other")])
    assert own.failure is None
    assert own.state.loaded_at >= loaded


async def test_at_the_start_a_broken_row_refuses_what_names_it_until_it_is_put_right(tmp_path: Path) -> None:
    """Nothing that was in force could stay, and what the file has under that name is not what was meant."""
    own = of(tmp_path / "p.yaml")
    broken, other = row(organisation="a", prompt={"gone": "block"}), row("x", prompt={"gone": "block"})
    assert not await own.adopt([broken, other, row("good", prompt={"ticket": "block"})], first=True)
    assert own.failure is not None
    assert blocks(own, "good", "a")
    assert not blocks(own, "default", "b")
    for name in ("default", "x"):
        with pytest.raises(UnknownPolicy):
            own.policy(name, "a")
    assert not await own.adopt([row(organisation="a", prompt={"ticket": "block"}), other])
    assert blocks(own, "default", "a")
    assert await own.adopt([row(organisation="a", prompt={"ticket": "block"})])
    assert own.failure is None


@given(content=st.text(max_size=40))
def test_a_failure_never_quotes_the_file(content: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Beyond names, of which these have none: no line of it is shown."""
    path = tmp_path_factory.mktemp("policies") / "p.yaml"
    path.write_bytes(b"secret: hunter2\n&" + content.encode("utf-8", "replace"))
    with pytest.raises(PolicyError) as caught:
        Policies(Dlp(policies=str(path)), KEPT)
    assert "hunter2" not in str(caught.value)


async def test_while_requests_are_served_one_thread_compiles(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(FILE)
    own = Policies(Dlp(policies=str(tmp_path / "p.yaml")), tmp_path / "kept")
    (tmp_path / "p.yaml").write_text(FILE.replace("T-[0-9]{4}", "U-[0-9]{4} (?:[a-z]{9} ?){9}[0-9a-f]{40}"))
    reading = asyncio.create_task(own.reload())
    most = 0
    while not reading.done():
        most = max(most, sum(thread.name.startswith("automata") for thread in threading.enumerate()))
        await asyncio.sleep(0)
    assert await reading
    assert most <= 1
