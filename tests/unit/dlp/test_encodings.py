import base64
import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.dlp.automaton import TooManyReports
from sluicegate.dlp.candidates import Work
from sluicegate.dlp.encodings import continued, inside, readings, runs, worth

TEXT = "the number is 4111 1111 1111 1111"
CODED = base64.b64encode(TEXT.encode()).decode()


def read(run: str, left: int = 1_000) -> list[str]:
    return list(readings(run, Work(left)))


def test_a_run_is_told_when_it_has_ended() -> None:
    text = f"see {CODED}"
    assert runs(text, 0, 8_192, final=False) == ([], 4)
    assert runs(text, 0, 8_192, final=True) == ([(4, len(text))], len(text))
    assert runs(f"{text} ", 0, 8_192, final=False) == ([(4, len(text))], len(text) + 1)


def test_a_short_word_is_open_and_no_run() -> None:
    assert runs("see the gate", 0, 8_192, final=False) == ([], 8)
    assert runs("see the gate ", 0, 8_192, final=False) == ([], 13)


def test_a_full_line_goes_on_in_the_next() -> None:
    lines = base64.encodebytes(TEXT.encode() * 4).decode()
    (found,), _ = runs(f"{lines} ", 0, 8_192, final=False)
    assert found == (0, len(lines.rstrip()))
    assert continued(lines, 0) == len(lines.rstrip())
    assert read(lines.strip()) == [TEXT * 4]


def test_a_run_longer_than_the_bound_is_read_in_pieces() -> None:
    long = base64.b64encode(TEXT.encode() * 40).decode()
    found, at = runs(f"{long} ", 0, 258, final=False)
    assert [start % 4 for start, _ in found] == [0] * len(found)
    assert "".join(long[start:end] for start, end in found) == long
    assert at == len(long) + 1
    assert inside(long, 256)


@pytest.mark.parametrize(
    "run",
    [
        CODED,
        CODED.rstrip("="),
        TEXT.encode().hex(),
        f"0x{TEXT.encode().hex()}",
        base64.b64encode(gzip.compress(TEXT.encode())).decode(),
        base64.b64encode(zlib.compress(TEXT.encode())).decode(),
        base64.b64encode(TEXT.encode("utf-16-le")).decode(),
    ],
)
def test_readings(run: str) -> None:
    assert read(run) == [TEXT]


@pytest.mark.parametrize(
    "word", ["responsibilities", "internationalization", "src/sluicegate/dlp/engine", "0" * 40, "MAX_ANSWER_CHANNELS"]
)
def test_words_and_digests_have_none(word: str) -> None:
    assert read(word) == []


def test_what_inflates_beyond_the_bound_is_refused() -> None:
    bomb = base64.b64encode(gzip.compress(b"0" * 1_000_000)).decode()
    with pytest.raises(TooManyReports):
        read(bomb, left=100)


ENCODED = st.one_of(
    st.text(alphabet="ABCDEFabcdef0123456789_-/+xyzeJH4sI", min_size=15, max_size=80),
    st.binary(min_size=12, max_size=60).map(lambda data: base64.urlsafe_b64encode(data).decode().rstrip("=")),
    st.text(min_size=6, max_size=60).map(
        lambda text: base64.b64encode(text.encode("utf-8", "replace")).decode().rstrip("=")
    ),
    st.text(min_size=6, max_size=40).map(
        lambda text: base64.b64encode(text.encode("utf-16-le", "replace")).decode().rstrip("=")
    ),
    st.text(min_size=8, max_size=60).map(lambda text: text.encode("utf-8", "replace").hex()),
    st.text(min_size=8, max_size=60).map(lambda text: "0x" + text.encode("utf-8", "replace").hex().upper()),
    st.binary(max_size=60).map(lambda data: base64.b64encode(zlib.compress(data)).decode().rstrip("=")),
).filter(lambda run: len(run) >= 15)


@given(ENCODED, st.sampled_from(["", "x", "xyz"]))
def test_what_has_a_reading_is_worth_it(run: str, more: str) -> None:
    if read(run + more):
        assert worth((run + more).encode())


@pytest.mark.parametrize(
    "word", ["responsibilities", "MAX_ANSWER_CHANNELS", "src/sluicegate/dlp/engine", "d41d8cd98f00b204e9800998ecf8427e"]
)
def test_words_and_digests_are_not(word: str) -> None:
    assert not worth(word.encode())
