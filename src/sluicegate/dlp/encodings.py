"""Runs of letters that may be encoded text: base64 and base64url, hexadecimal, and what is compressed below them."""

import re
import zlib
from binascii import Error, a2b_base64, a2b_hex
from collections.abc import Iterator
from contextlib import suppress

from sluicegate.dlp.candidates import Work
from sluicegate.dlp.reading import SHORTEST

FULL_LINE = 60
"""A line of this many characters goes on in the next one, as in mail and PEM."""
RUN = "A-Za-z0-9+/_\\-"

_LONG = re.compile(rf"(?<![{RUN}])[{RUN}]{{{SHORTEST},}}+(?:(?<=[{RUN}]{{{FULL_LINE}}})\r?\n[{RUN}]++)*+={{0,2}}")
_GOES_ON = re.compile(rf"[{RUN}]++(?:(?<=[{RUN}]{{{FULL_LINE}}})\r?\n[{RUN}]++)*+={{0,2}}")
_LAST = re.compile(rf"(?<![{RUN}])[{RUN}]{{1,{SHORTEST - 1}}}\Z")
_IN_RUN = re.compile(rf"[{RUN}]")
_LINE = re.compile(rf"(?<=[{RUN}]{{{FULL_LINE}}})\r?\n?\Z")
_HEX = re.compile(r"(?:0[xX])?((?:[0-9a-fA-F]{2}){8,})")
_STANDARD = str.maketrans("-_", "+/", "\r\n=")
_BREAKS = b"\r\n="
_HEX_DIGITS = b"0123456789abcdefABCDEFxX"
_TEXT_HEADS = b"CDIJKLMNOPQRSTUVWXYZabcdef"
"""What a group of four begins with whose first byte is ASCII."""
_NEVER_WIDE = frozenset(b"ABEFGH")
"""What none begins with in text of another script: groups of three bytes begin anywhere in a character, never a control."""
_COMPRESSED = (b"H4sI", b"eJ", b"eA", b"eN")
_MOST_INFLATED = 1 << 24
"""Bytes that are taken out of one run, where the bound on candidates is higher still."""
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f]")
_TEXT_HEAD = re.compile(rb"(?:[\t-\r -~]|[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3})*+")
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_MAGIC = (b"\x1f\x8b", b"\x78\x9c", b"\x78\xda", b"\x78\x01", b"\x78\x5e")


def runs(text: str, at: int, longest: int, *, final: bool) -> tuple[list[tuple[int, int]], int]:
    """Where the runs in text[at:] stand that may be encoded, and from where on more text may still make or lengthen one.

    A run longer than `longest` is read in pieces of about that length.
    """
    found: list[tuple[int, int]] = []
    while True:
        run = None
        if inside(text, at):
            run = _GOES_ON.match(text, at)
        run = run or _LONG.search(text, at)
        if run is None:
            break
        start, end = run.span()
        if end - start > longest:
            end = _cut(text, start, start + longest)
        elif not final and (end == len(text) or _LINE.match(text, end)):
            return found, start
        found.append((start, end))
        at = end
    last = None if final else _LAST.search(text, max(at, len(text) - SHORTEST))
    return found, max(at, last.start() if last else len(text))


def inside(text: str, at: int) -> bool:
    """Whether text[at] goes on with a run that was cut because of its length."""
    return 0 < at < len(text) and _IN_RUN.match(text, at) is not None and _IN_RUN.match(text, at - 1) is not None


def _cut(text: str, start: int, end: int) -> int:
    """At most `end`, and between two groups of four."""
    extra = len(text[start:end].translate(_STANDARD)) % 4
    while extra or text[end - 1] in "\r\n":
        end -= 1
        extra -= text[end] not in "\r\n="
    return end


def worth(run: bytes) -> bool:
    """Whether a run on one line may be encoded; never no wrongly, and fast for words, names, paths and digests."""
    size = 12 if len(run) < 32 else 24  # below three quarters of the run, where what is no text is passed over
    if not run.islower() and _promising(run) and _may_be_text(a2b_base64(run[:size].translate(_URL_SAFE))):
        return True
    if run.translate(None, _HEX_DIGITS):
        return False
    digits = run[2:] if run[1:2] in b"xX" else run
    with suppress(Error):
        return _may_be_text(a2b_hex(digits[:size]))
    return False


def _may_be_text(head: bytes) -> bool:
    """Whether what begins with these bytes, up to a cut character, may be text or compressed."""
    found = _TEXT_HEAD.match(head)
    return (found is not None and found.end() >= len(head) - 3) or head.startswith(_MAGIC) or not head[1]


def readings(run: str, work: Work) -> Iterator[str]:
    """The texts that a run may stand for. Raises TooManyReports where decoding takes more than `work` allows."""
    found = False
    for text in _readings(run, work):
        found = True
        yield text
    if not found and "\n" in run:  # a full line that the next one has nothing to do with
        yield from _readings(run[: run.index("\n")].rstrip("\r"), work)


def _readings(run: str, work: Work) -> Iterator[str]:
    if hexadecimal := _HEX.fullmatch(run):
        yield from _texts(bytes.fromhex(hexadecimal[1]), work)
    if run.islower() or not _promising(run.encode()):
        return
    body = run.translate(_STANDARD)
    if len(body) % 4 == 1:
        body = body[:-1]
    with suppress(Error):
        yield from _texts(a2b_base64(body + "=" * (-len(body) % 4)), work)


def _promising(run: bytes) -> bool:
    heads = run[::4] if b"\n" not in run else run.translate(None, _BREAKS)[::4]
    if 3 * len(heads.translate(None, _TEXT_HEADS)) <= len(heads) or _NEVER_WIDE.isdisjoint(heads):
        return True
    return run.startswith(_COMPRESSED) or 4 * run.count(b"A") >= len(run)  # UTF-16 is half zeroes


def _texts(data: bytes, work: Work) -> Iterator[str]:
    work.decoded(len(data))
    if data.startswith(_MAGIC):
        data = _inflate(data, work)
    if not data:
        return
    if len(data) >= 8 and data[1::2].count(0) == len(data) // 2:
        data = data[::2]
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        if error.start < 3 * len(data) // 4:
            return
        text = data[: error.start].decode()  # cut within a character
    if not _CONTROL.search(text):
        yield text


def _inflate(data: bytes, work: Work) -> bytes:
    """What is compressed, as far as `work` goes; nothing where it is broken from the start."""
    unpack = zlib.decompressobj(wbits=47)
    with suppress(zlib.error):
        out = unpack.decompress(data, min(work.bytes_left + 1, _MOST_INFLATED))
        work.decoded(len(out))
        return out
    return b""


def continued(text: str, start: int) -> int:
    """Where the run that starts at `start` ends, over the ends of full lines."""
    run = _GOES_ON.match(text, start)
    return run.end() if run else start
