"""The documents cannot fall behind: what is not documented, is documented and gone, or does not run, fails here."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from docs import generate, presets
from sluicegate.core.decision import Reason
from sluicegate.core.errors import EXPLAINED, STATUS
from sluicegate.core.provider import AuthKind, ClientHeader, Quirk
from tests.support import readme

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
SKIPPED = {".git", ".uv", ".venv", "node_modules", "data", "results"}

FENCED = re.compile(r"^(```|~~~).*?^\1[ \t]*$", re.M | re.S)
CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"\[[^\]]*\]\(<?([^)>\s]+)>?(?:\s+\"[^\"]*\")?\)")
HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*$", re.M)
COMMAND = re.compile(r"(?<![\w./-])sluicegate ([a-z][a-z-]+)")


@cache
def pages() -> dict[Path, str]:
    """Every Markdown file of the repository."""

    def walk(folder: Path) -> Iterator[Path]:
        for path in sorted(folder.iterdir()):
            if path.is_dir() and path.name not in SKIPPED and not path.name.startswith("."):
                yield from walk(path)
            elif path.suffix == ".md":
                yield path

    return {path: path.read_text(encoding="utf-8") for path in walk(ROOT)}


def first_cells(page: str) -> dict[str, list[str]]:
    """The rows of all tables of a page that begin with one code: the code, and the cells after it."""
    rows = {}
    for line in (DOCS / page).read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| `") and len(cells) > 1:
            rows[cells[0].strip(" |`")] = cells[1:]
    return rows


# --- settings ---------------------------------------------------------------------------------------------------------


def test_every_setting_says_what_it_means() -> None:
    assert generate.undescribed() == [], "say it below its line in settings.py, or in MEANINGS of docs/generate.py"


def test_the_settings_page_is_up_to_date() -> None:
    assert generate.PAGE.read_text(encoding="utf-8") == generate.page(generate.head()), "run: make docs"


def test_every_setting_is_documented_with_its_default() -> None:
    """Apart from how the page is written: each field of each group has its row, and the row its default."""
    rows = first_cells("settings.md")
    for path, model in generate.sections():
        for name, field in model.model_fields.items():
            if path or not any(inner for inner in generate.sections() if inner[0].rstrip("[]") == name):
                cells = rows[f"{path}.{name}".lstrip(".")]
                assert generate.default(field) in cells, f"{path}.{name}: {cells}"


def test_the_table_of_presets_is_up_to_date() -> None:
    assert presets.PAGE.read_text(encoding="utf-8") == presets.page(), "run: make docs"


def test_every_quirk_and_kind_of_auth_is_documented() -> None:
    rows = first_cells("add-a-provider.md")
    assert [name for name in (*Quirk, *AuthKind, *ClientHeader) if name not in rows] == []


# --- reasons, stages, commands ----------------------------------------------------------------------------------------


def test_every_reason_is_documented() -> None:
    assert list(first_cells("reasons.md")) == list(Reason), "docs/reasons.md and core/decision.py differ, or differ in order"


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_has_the_documented_status(reason: Reason) -> None:
    status, meaning, remedy = first_cells("reasons.md")[reason]
    if reason in STATUS or reason in EXPLAINED or status.isdigit():
        assert status == str(STATUS.get(reason, 400))
    else:
        assert status in ("—", "as sent")
    assert meaning.endswith(".")
    assert remedy.endswith(".")


def test_every_stage_is_documented() -> None:
    from sluicegate.app import STAGES

    assert list(first_cells("stages.md")) == [stage.name for stage in STAGES]


def commands() -> dict[str, Any]:
    """Every command by its full name, and every group."""
    from typer.main import get_command

    from sluicegate.cli.app import app

    found: dict[str, Any] = {}

    def visit(name: str, command: Any) -> None:
        found[name] = command
        for part, inner in getattr(command, "commands", {}).items():
            visit(f"{name} {part}", inner)

    visit("sluicegate", get_command(app))
    return found


def test_every_command_is_documented() -> None:
    page = (DOCS / "cli.md").read_text(encoding="utf-8")
    missing = [name for name, command in commands().items() if not hasattr(command, "commands") and name not in page]
    assert missing == [], "docs/cli.md does not name these"


def test_every_command_the_documents_name_exists() -> None:
    known = {name.split()[1] for name in commands() if " " in name}
    for path, text in pages().items():
        code = "\n".join(found.group() for pattern in (FENCED, CODE) for found in pattern.finditer(text))
        named = set(COMMAND.findall(code))
        assert named <= known, f"{path.relative_to(ROOT)} names commands that do not exist: {named - known}"


# --- links ------------------------------------------------------------------------------------------------------------


def anchors(text: str) -> set[str]:
    """The anchors that a page's headings have."""
    titles = HEADING.findall(FENCED.sub("", text))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_relative_link_resolves() -> None:
    broken = []
    for path, text in pages().items():
        for target in LINK.findall(CODE.sub("", FENCED.sub("", text))):
            if re.match(r"[a-z][a-z0-9+.-]*:", target):
                continue
            name, _, anchor = target.partition("#")
            place = (path.parent / name).resolve() if name else path
            if not place.exists():
                broken.append(f"{path.relative_to(ROOT)}: {target}")
            elif anchor and place in pages() and anchor not in anchors(pages()[place]):
                broken.append(f"{path.relative_to(ROOT)}: {target}: no such heading")
    assert broken == []


def test_the_index_links_every_document() -> None:
    linked = {(DOCS / target).resolve() for target in LINK.findall(pages()[DOCS / "README.md"])}
    missing = {path.relative_to(DOCS).as_posix() for path in pages() if DOCS in path.parents} - {"README.md"}
    assert sorted(name for name in missing if DOCS / name not in linked) == [], "docs/README.md does not link these"


# --- the README's commands --------------------------------------------------------------------------------------------


def commands_of_the_readme() -> list[readme.Block]:
    return readme.blocks((ROOT / "README.md").read_text(encoding="utf-8"))


def test_a_command_of_the_readme_that_is_not_run_says_why() -> None:
    unclear = [
        block.line for block in commands_of_the_readme() if not block.runs and not re.match(r"not-run: \w", block.info)
    ]
    assert unclear == [], "README.md: fence the blocks at these lines as `sh`, or as `sh not-run: <reason>`"


async def test_the_readme_runs_as_written(tmp_path: Path) -> None:
    """And so does every curl line that `make serve` printed."""
    run = [block for block in commands_of_the_readme() if block.runs]
    assert any(readme.SERVE in block.text.splitlines() for block in run), f"README.md does not run {readme.SERVE}"
    async with readme.Session(tmp_path) as session:
        for block in run:
            await session.run(block.text)
        printed = readme.PRINTED_CURL.findall(session.printed)
        assert printed, f"make serve printed no curl line:\n{session.printed}"
        for line in printed:
            assert await session.run(line)
