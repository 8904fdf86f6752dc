"""Files of a prompt that take time to read: their texts are found by processes of their own, bounded in every way.

A text from a file is governed like any other, except that nothing can be replaced in the file: what a policy would redact
there refuses the prompt. What cannot be read (encrypted, scanned, broken, too large, too slow) is `unscannable` by its kind.
"""

import asyncio
import logging
import os
import sys
from collections.abc import Iterable, Sequence
from hashlib import sha256

import msgspec

from sluicegate.core.dialect import File, Reading, Span
from sluicegate.dlp.file_text import LENGTH, Extract, Question
from sluicegate.settings import Dlp

log = logging.getLogger(__name__)

REUSED = 200
"""Files that one process reads before another takes its place: libraries keep some of what they see."""

_INHERITED = ("PATH", "LANG", "LC_ALL", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH")
"""Of the environment: no credential is among it."""
_IN_A_THREAD = 256 * 1024
"""Bytes from which on a digest is not computed on the event loop."""
_ANSWER_OVERHEAD = 64 * 1024
_decode = msgspec.msgpack.Decoder(Extract).decode


class ReaderFailed(Exception):
    """The process that reads files ended, or sent nonsense."""


class _Reader:
    """One process that reads files, one at a time."""

    def __init__(self, process: asyncio.subprocess.Process, max_answer: int) -> None:
        self._process = process
        self._max_answer = max_answer
        self.asked = 0

    @classmethod
    async def start(cls, bounds: Dlp) -> "_Reader":
        """Start it. Raises ReaderFailed."""
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                "-m",
                "sluicegate.dlp.file_text",
                str(bounds.file_memory_bytes),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={name: os.environ[name] for name in _INHERITED if name in os.environ},
            )
        except OSError as error:
            raise ReaderFailed(f"no process that reads files: {error.strerror}") from None
        return cls(process, 4 * bounds.max_file_characters + _ANSWER_OVERHEAD)

    async def ask(self, question: Question) -> Extract:
        """What it read. Raises ReaderFailed; it is of no use after that."""
        source, target = self._process.stdout, self._process.stdin
        if source is None or target is None:
            raise ReaderFailed("the process that reads files has no pipes")
        self.asked += 1
        body = msgspec.msgpack.encode(question)
        try:
            target.write(len(body).to_bytes(LENGTH, "big"))
            target.write(body)
            await target.drain()
            length = int.from_bytes(await source.readexactly(LENGTH), "big")
            if length > self._max_answer:
                raise ReaderFailed("the process that reads files sent too much")
            return _decode(await source.readexactly(length))
        except (OSError, asyncio.IncompleteReadError, msgspec.DecodeError) as error:
            raise ReaderFailed(f"the process that reads files broke off ({type(error).__name__})") from None

    async def stop(self) -> None:
        """End it at once."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()


class Documents:
    """Reads files. Its processes are started when the first file comes, and belong to the event loop they are used in."""

    def __init__(self, bounds: Dlp) -> None:
        self._bounds = bounds
        self._free = asyncio.Semaphore(bounds.file_readers)
        self._idle: list[_Reader] = []
        self._kept: dict[bytes, Extract] = {}
        self._kept_characters = 0

    async def complete(self, reading: Reading) -> None:
        """Read the files of a request: their texts join its spans, and what could not be read joins `unread`."""
        for file, extract in zip(reading.files, await self.read(reading.files), strict=True):
            if extract.text:
                reading.spans.append(Span(None, 0, extract.text, file.place, sealed=file.kind))
            reading.unread += extract.unread
        reading.files.clear()

    async def read(self, files: Sequence[File]) -> list[Extract]:
        """What the files say, in their order. It never fails: what was not read says so."""
        bounds = self._bounds
        found = [Extract("", (file.kind,)) for file in files]
        try:
            async with asyncio.timeout(bounds.file_timeout):
                for index, file in enumerate(files[: bounds.max_files]):
                    if len(file.data) * 3 // 4 <= bounds.max_file_bytes:
                        found[index] = await self._one(file)
        except TimeoutError:
            log.warning("files were not read in time (dlp.file_timeout)", extra={"files": len(files)})
        return found

    async def close(self) -> None:
        """End the processes that wait for work."""
        while self._idle:
            await self._idle.pop().stop()

    async def _one(self, file: File) -> Extract:
        data = file.data.encode()
        digest = sha256(data) if len(data) < _IN_A_THREAD else await asyncio.to_thread(sha256, data)
        key = digest.digest()
        known = self._kept.pop(key, None)
        if known is not None:
            self._kept[key] = known
            return known
        try:
            extract = await self._ask(file)
        except ReaderFailed as error:
            log.warning("a file was not read: %s", error, extra={"kind": file.kind})
            return Extract("", (file.kind,))
        self._keep(key, extract)
        return extract

    async def _ask(self, file: File) -> Extract:
        bounds = self._bounds
        question = Question(file.kind, file.data, bounds.file_timeout + 1, bounds.max_file_pages, bounds.max_file_characters)
        async with self._free:
            reader = self._idle.pop() if self._idle else await _Reader.start(bounds)
            whole = False
            try:
                extract = await reader.ask(question)
                whole = True
            finally:
                if whole and reader.asked < REUSED:
                    self._idle.append(reader)
                else:
                    await asyncio.shield(reader.stop())
        return extract

    def _keep(self, key: bytes, extract: Extract) -> None:
        size = len(extract.text) + 100
        bound = self._bounds.remembered_file_characters
        if size > bound or key in self._kept:
            return
        while self._kept_characters + size > bound:
            self._kept_characters -= len(self._kept.pop(next(iter(self._kept))).text) + 100
        self._kept[key] = extract
        self._kept_characters += size


def fixed(spans: Sequence[Span], edited: Iterable[int]) -> tuple[str, ...]:
    """The kinds of files in which something would have to be replaced, of the spans with these indexes."""
    return tuple(sorted({spans[index].sealed for index in edited} - {""}))
