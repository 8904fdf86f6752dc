"""A third party's detector, installed as a package; the example is the one that docs/detectors.md gives."""

import asyncio
import importlib
import re
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sluicegate.dlp.detector import DetectorFailed
from sluicegate.dlp.external.build import DetectorSpec, build
from sluicegate.dlp.external.doors import Doors
from sluicegate.dlp.external.plugin import Plugin
from sluicegate.dlp.packs import RuleError
from sluicegate.dlp.panel import Unscannable
from tests.support.outside import found, passages

DOCS = (Path(__file__).parents[4] / "docs" / "detectors.md").read_text(encoding="utf-8")
Install = Callable[[str, str, str], None]

HEADER = """
import asyncio, threading
from sluicegate.dlp.detector import Detection, DetectorFailed, Passage, Signal
from sluicegate.dlp.panel import Unscannable
"""
BASE = (
    HEADER
    + """
class Own:
    signals = [Signal(id="s", kind="k", severity="low", label="S")]
    refuses = True
    def __init__(self, name, options):
        self.name = name
        self.options = options
"""
)


def example(language: str, holding: str) -> str:
    """The example of the document, word for word."""
    blocks: list[str] = re.findall(rf"```{language}\n(.*?)```", DOCS, re.DOTALL)
    return next(block for block in blocks if holding in block)


@pytest.fixture
def install(tmp_path: Path) -> Iterator[Install]:
    """Installs packages of one module, as pip would leave them, in a folder on the path."""
    installed: list[str] = []

    def add(module: str, source: str, points: str) -> None:
        (tmp_path / f"{module}.py").write_text(source, encoding="utf-8")
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n", encoding="utf-8")
        (info / "entry_points.txt").write_text(points, encoding="utf-8")
        installed.append(module)
        importlib.invalidate_caches()

    sys.path.insert(0, str(tmp_path))
    yield add
    sys.path.remove(str(tmp_path))
    for module in installed:
        sys.modules.pop(module, None)


def points(module: str) -> str:
    return f"[sluicegate.detectors]\n{module} = {module}:Own\n"


def made(**written: Any) -> Plugin:
    section = msgspec.convert({"type": "plugin", "timeout": 20, **written}, DetectorSpec)
    detector = build("own", section, Doors())
    assert isinstance(detector, Plugin)
    return detector


async def test_the_example_of_the_document(install: Install) -> None:
    install("project_names", example("python", "class ProjectNames"), example("ini", "project_names"))
    written = msgspec.yaml.decode(example("yaml", "project_names"))["detectors"]["projects"]
    detector = build("projects", msgspec.convert({**written, "timeout": 20}, DetectorSpec), Doors())
    assert (detector.name, detector.refuses, detector.signals[0].id) == ("projects", True, "project_name")
    assert await found(detector, "about falcon", "", "heron and falcon") == [
        (0, "project_name", "falcon"),
        (2, "project_name", "heron"),
        (2, "project_name", "falcon"),
    ]
    with pytest.raises(RuleError, match=r"detectors\.own: project_names:ProjectNames cannot be used: ValueError: `words`"):
        made(name="project_names")


async def test_an_ordinary_one_runs_in_a_thread_and_an_async_one_on_the_loop(install: Install) -> None:
    where = "self.options['seen'].append(threading.get_ident()); return []"
    install("ordinary", f"{BASE}\n    def find(self, passages): {where}", points("ordinary"))
    install("waiting", f"{BASE}\n    async def find(self, passages): {where}", points("waiting"))
    for name, same in (("ordinary", False), ("waiting", True)):
        detector = made(name=name, options={"seen": []})
        await detector.find(passages("x"))
        options: Any = detector._detector.options  # type: ignore[attr-defined]
        assert (options["seen"] == [threading.get_ident()]) is same


@pytest.mark.parametrize(
    ("find", "error"),
    [
        ("def find(self, passages): raise DetectorFailed('I read ' + passages[0].text)", DetectorFailed),
        ("def find(self, passages): raise Unscannable(passages[0].text)", Unscannable),
        ("def find(self, passages): return None", DetectorFailed),
        ("def find(self, passages): return [1]", DetectorFailed),
        ("def find(self, passages): return [Detection(1, 0, 1, 's')]", DetectorFailed),
        ("async def find(self, passages): await asyncio.Event().wait()", DetectorFailed),
        ("async def find(self, passages): return 'x'", DetectorFailed),
    ],
)
async def test_one_that_fails_did_not_look_and_its_words_are_not_repeated(
    install: Install, find: str, error: type[Exception]
) -> None:
    install("failing", f"{BASE}\n    {find}", points("failing"))
    with pytest.raises(error) as raised:
        await made(name="failing", timeout=0.5).find(passages("my secret"))
    assert "secret" not in str(raised.value)


async def test_one_that_hangs_holds_nobody_up(install: Install) -> None:
    source = f"{BASE}\n    gate = threading.Event()\n    def find(self, passages): self.gate.wait(); return []"
    install("hanging", source, points("hanging"))
    detector = made(name="hanging", timeout=0.3, concurrency=1)
    with pytest.raises(DetectorFailed, match="in time"):
        await detector.find(passages("x"))
    gate: threading.Event = detector._detector.gate  # type: ignore[attr-defined]
    gate.set()
    async with asyncio.timeout(20):
        while True:
            try:
                assert await detector.find(passages("x")) == []
                break
            except DetectorFailed:
                continue


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("import nothing_like_that", "ModuleNotFoundError"),
        ("x = ", "SyntaxError"),
        ("x = 1", "AttributeError"),
        (f"{HEADER}\nOwn = 5", "TypeError"),
        (f"{HEADER}\nclass Own:\n    def __init__(self, *a): self.signals = []\n    def find(self, p): ...", "no detector"),
        (f"{HEADER}\nclass Own:\n    def __init__(self, *a): self.signals = [1]\n    def find(self, p): ...", "no detector"),
        (f"{BASE}", "AttributeError"),
        (f"{BASE}\n    find = 5", "no detector"),
        ("raise RuntimeError('x')", "RuntimeError"),
    ],
)
def test_one_that_cannot_be_loaded_is_an_error_in_the_policy(install: Install, source: str, why: str) -> None:
    install("broken", source, points("broken"))
    with pytest.raises(RuleError, match=why):
        made(name="broken")


def test_two_of_one_name(install: Install) -> None:
    install("first", BASE, "[sluicegate.detectors]\nsame = first:Own\n")
    install("second", BASE, "[sluicegate.detectors]\nsame = second:Own\n")
    with pytest.raises(RuleError, match="two packages"):
        made(name="same")
