import resource
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from sluicegate.store.journal import MAGIC, SECTOR, Journal, JournalDamaged, find, read

SIZE = 64 * 1024


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """The system writes no file beyond `size` bytes: what reaches over it is cut short."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def opened(path: Path, size: int = SIZE) -> Journal:
    journal = Journal.open(path, size)
    assert journal is not None
    return journal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
def three(path: Path) -> Iterator[Path]:
    """A journal with three records, as a crash leaves it."""
    journal = opened(path)
    for payload in (b"one", b"two" * 300, b"three"):
        assert journal.append(payload)
    yield path
    journal.close()


def crashed(path: Path) -> Path:
    """What a crash leaves at this moment: the file without the process."""
    copy = path.with_name("crashed")
    copy.write_bytes(path.read_bytes())
    return copy


def test_a_new_journal_is_written_whole_private_and_empty(path: Path) -> None:
    with closing(opened(path)) as journal:
        assert journal.payloads == []
        assert path.stat().st_size == SIZE
        assert path.stat().st_blocks * 512 >= SIZE
        assert path.stat().st_mode & 0o777 == 0o600


def test_what_was_appended_is_found_in_order_after_a_crash(three: Path) -> None:
    with closing(opened(crashed(three))) as journal:
        assert journal.payloads == [b"one", b"two" * 300, b"three"]
        assert not journal.append(b"more")  # before it is told that what it holds is durable elsewhere
        journal.reset()
        assert journal.append(b"more")
    assert read(journal.path) == [b"more"]


def test_closing_without_a_reset_keeps_what_was_found(three: Path) -> None:
    copy = crashed(three)
    for _ in range(3):
        opened(copy).close()
    assert len(read(copy)) == 3


def test_one_process_at_a_time_holds_it(three: Path) -> None:
    assert Journal.open(three, SIZE) is None
    assert len(read(three)) == 3


def test_older_generations_do_not_count(path: Path) -> None:
    with closing(opened(path)) as journal:
        for payload in (b"a" * 2_000, b"b", b"c"):
            assert journal.append(payload)
        journal.reset()
        assert journal.append(b"d")
        assert read(path) == [b"d"]


def test_an_orderly_close_leaves_it_empty(path: Path) -> None:
    with closing(opened(path)) as journal:
        journal.append(b"a")
        journal.append(b"b")
        journal.reset()
    assert read(path) == []
    journal.close()
    assert not journal.append(b"too late")


@pytest.mark.parametrize("left", [0, 8, 100, SECTOR, SECTOR + 400])
def test_a_record_that_was_cut_short_is_passed_over(path: Path, left: int) -> None:
    with closing(opened(path)) as journal:
        journal.append(b"whole")
        before = path.read_bytes()
        journal.append(b"x" * 900)
        after = path.read_bytes()
    cut = SECTOR + left
    path.write_bytes(after[:cut] + before[cut:])
    assert read(path) == [b"whole"]
    with closing(opened(path)) as journal:
        assert journal.payloads == [b"whole"]
        journal.reset()
        for payload in (b"y", b"z"):
            assert journal.append(payload)
        assert read(path) == [b"y", b"z"]


def test_the_first_record_of_a_generation_cut_short_leaves_nothing(path: Path) -> None:
    with closing(opened(path)) as journal:
        for _ in range(3):
            journal.append(b"old" * 300)
        before = path.read_bytes()
        journal.reset()
        journal.append(b"new" * 600)
        after = path.read_bytes()
    for left in (0, SECTOR, 2 * SECTOR):
        found = find(path, after[:left] + before[left:])
        assert found.payloads == ([b"old" * 300] * 3 if left == 0 else [])


@pytest.mark.parametrize("place", [0, 20, SECTOR + 3, SECTOR + 700])
def test_damage_before_a_whole_record_is_refused(three: Path, place: int) -> None:
    copy = crashed(three)
    content = bytearray(copy.read_bytes())
    content[place] ^= 1
    copy.write_bytes(content)
    with pytest.raises(JournalDamaged, match=str(copy)):
        Journal.open(copy, SIZE)
    with pytest.raises(JournalDamaged, match=str(copy)):
        read(copy)


def test_damage_in_what_does_not_count_is_no_damage(path: Path) -> None:
    with closing(opened(path)) as journal:
        for _ in range(4):
            journal.append(b"old" * 300)
        journal.reset()
        journal.append(b"new")
        content = bytearray(path.read_bytes())
    content[3 * SECTOR + 40] ^= 1
    assert find(path, bytes(content)).payloads == [b"new"]


def test_what_looks_like_a_header_within_a_payload_is_none(path: Path) -> None:
    with closing(opened(path)) as journal:
        journal.append(MAGIC + b"x" * 3_000 + MAGIC * 100)
        journal.append(b"y")
        assert read(path)[1:] == [b"y"]


def test_a_full_journal_takes_no_more_until_it_is_empty(path: Path) -> None:
    with closing(opened(path)) as journal:
        taken = 0
        while journal.append(b"x" * 1_000):
            taken += 1
        assert taken == SIZE // (2 * SECTOR)
        assert not journal.append(b"x" * SIZE)
        journal.reset()
        assert journal.append(b"y")
        assert read(path) == [b"y"]


def test_nothing_is_appended_behind_what_could_not_be_written(path: Path) -> None:
    with closing(opened(path)) as journal:
        journal.append(b"a")
        with largest_file(SECTOR + 100), pytest.raises(OSError, match="cut short"):
            journal.append(b"b")
        assert not journal.append(b"c")
        journal.reset()
        assert journal.append(b"d")


def test_another_length_loses_nothing(three: Path) -> None:
    copy = crashed(three)
    with closing(opened(copy, 2 * SIZE)) as journal:
        assert len(journal.payloads) == 3
    assert copy.stat().st_size == 2 * SIZE
    with closing(opened(copy, SECTOR)) as journal:
        assert len(journal.payloads) == 3


def test_where_there_is_none_nothing_waits(path: Path) -> None:
    assert read(path) == []
    path.write_bytes(b"something else")
    assert read(path) == []
