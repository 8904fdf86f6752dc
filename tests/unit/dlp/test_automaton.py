from collections.abc import Callable
from pathlib import Path

import hyperscan
import pytest

from sluicegate.dlp import kept as folder
from sluicegate.dlp.automaton import Automaton, Expression, Workshop, check_size, name_of
from sluicegate.dlp.packs import RuleError

ONE: list[Expression] = [(7, "foo[0-9]{2}", 0)]


def order(workshop: Workshop, expressions: list[Expression]) -> Callable[[], Automaton]:
    return workshop.order(name_of(expressions), lambda: expressions)


def test_it_reports_every_end() -> None:
    assert list(Automaton.of(ONE).reports(b"foo12 foo34")) == [(7, 5), (7, 11)]
    assert list(Automaton.of(ONE).reports(b"bar")) == []


def test_what_was_kept_finds_the_same(tmp_path: Path) -> None:
    kept = tmp_path / "automata"
    first = Automaton.of(ONE, kept)
    assert len(list(kept.iterdir())) == 1
    second = Automaton.of(ONE, kept)
    assert list(second.reports(b"foo12")) == list(first.reports(b"foo12")) == [(7, 5)]
    assert second.size == first.size


@pytest.mark.parametrize("content", [b"", b"x" * 100])
def test_what_does_not_hold_is_compiled_anew(tmp_path: Path, content: bytes) -> None:
    Automaton.of(ONE, tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(content)
    assert list(Automaton.of(ONE, tmp_path).reports(b"foo12")) == [(7, 5)]
    assert path.read_bytes() != content


def test_expressions_are_asked_for_only_where_they_must_be_compiled(tmp_path: Path) -> None:
    asked: list[int] = []

    def source() -> list[Expression]:
        asked.append(1)
        return ONE

    def found() -> list[tuple[int, int]]:
        return list(Automaton(name_of(ONE), source, tmp_path).reports(b"foo12"))

    assert found() == found() == [(7, 5)]
    assert len(asked) == 1
    automaton = Automaton(name_of(ONE), source, tmp_path)
    (tmp_path / name_of(ONE)).unlink()
    assert list(automaton.reports(b"foo12")) == [(7, 5)]
    assert len(asked) == 2


def test_sizes_are_bounded_together() -> None:
    check_size([1, 2], 3)
    with pytest.raises(RuleError, match="more than 2 bytes"):
        check_size([1, 2], 2)


def test_a_folder_that_cannot_be_written_is_only_slower(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert list(Automaton.of(ONE, tmp_path / "file").reports(b"foo12")) == [(7, 5)]


def test_the_folder_is_bounded_once_a_workshop_closes(tmp_path: Path) -> None:
    for number in range(folder.MAX_KEPT):
        (tmp_path / f"{number}.automaton").write_bytes(b"")
    workshop = Workshop(tmp_path, 2)
    waits = [order(workshop, [(1, f"a{number}b", 0)]) for number in range(3)]
    assert [list(wait().reports(f"a{number}b".encode())) for number, wait in enumerate(waits)] == [[(1, 3)]] * 3
    workshop.close()
    assert len(list(tmp_path.iterdir())) == folder.MAX_KEPT


def test_a_workshop_hands_on_what_fails() -> None:
    workshop = Workshop(None, 1)
    wait = order(workshop, [(1, "a(?=b)", 0)])
    with pytest.raises(hyperscan.HyperscanError):
        wait()
    workshop.close()


def test_what_hyperscan_cannot_compile_is_its_error() -> None:
    with pytest.raises(hyperscan.HyperscanError):
        Automaton.of([(1, "a(?=b)", 0)])
