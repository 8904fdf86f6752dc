import pytest

from sluicegate.dlp.normalise import Gaps, folding, plainly, quoting


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("%34%31", "41"),
        ("%2534", "4"),
        ("%C3%A9", "é"),
        ("%EF%BC%94", "4"),
        ("100% of", "100% of"),
        ("&#52;&#x34&commat;", "44@"),
        ("&amp;amp;#52;", "4"),
        ("R&D; AT&T", "R&D; AT&T"),
        ("\\u0034\\x34\\064\\u{34}\\U00000034\\/", "44444/"),
        ("\\ud835\\udfd2", "4"),
        ("C:\\new", "C:\\new"),
        ("4\u200b1\u0301 e\u0301", "41 e"),
        ("❤\ufe0f می\u200cخواهم", "❤\ufe0f می\u200cخواهم"),
        ("1\u20132, so \u2013 it", "1-2, so \u2013 it"),
        ("p\u0430ss \u0430@b \u0441лово", "pass a@b \u0441лово"),
        ("नमस्ते, สวัสดี, größer", "नमस्ते, สวัสดี, größer"),
    ],
)
def test_folding(written: str, plain: str) -> None:
    assert plainly(written) == plain


def test_quoted_printable() -> None:
    text, starts = "a=34=\r\n=C3=A9=zz", list(range(17))
    for stage in quoting():
        text, starts = stage.feed(text, starts, final=True)
    assert text == "a4é=zz"
    assert starts == [0, 1, 7, 13, 14, 15]


def test_what_is_cut_waits() -> None:
    stage = folding()[0]
    assert stage.feed("a%3", [0, 1, 2], final=False) == ("a", [0])
    assert (stage.rest, stage.since) == ("%3", 1)
    assert stage.feed("4b", [3, 4], final=False) == ("4b", [1, 4])
    assert stage.touched


def test_gaps_go_back_over_all_that_was_dropped() -> None:
    gaps = Gaps()
    gaps.dropped(5)
    gaps.follows(7)
    gaps.dropped(7)
    assert (gaps.before(4), gaps.before(7), gaps.before(9)) == (4, 5, 5)
    gaps.follows(9)
    assert (gaps.before(9), gaps.before(10)) == (5, 10)
    gaps.forget(9)
    assert gaps.before(9) == 7
