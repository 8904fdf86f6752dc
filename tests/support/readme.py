"""Runs the README's commands as they are written, against a gateway with a data directory of its own.

Convention: a block fenced as `sh` is run, unless the fence says why not (`sh not-run: needs an OpenAI key`). The blocks are
one session, in order. The line `make serve` starts the gateway and goes on once it is ready. Two things stand for what
differs between installations: `127.0.0.1:8080` for the address, and `$SLUICEGATE_KEY` or `sk-sg-…` for the printed key.
"""

import asyncio
import os
import re
from pathlib import Path
from typing import NamedTuple

from tests.support.automata import ENVIRON
from tests.support.gateway import READY

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```(?P<language>\w+)(?P<info>[^\n]*)\n(?P<text>.*?)^```$", re.M | re.S)
SHELLS = {"sh", "bash", "shell", "console"}
SERVE = "make serve"
ADDRESS = "127.0.0.1:8080"
KEY = "sk-sg-…"
PRINTED_KEY = re.compile(r"sk-sg-[A-Za-z0-9_-]{20,}")
PRINTED_CURL = re.compile(r"^[ \t]*(curl (?:[^\n]*\\\n)*[^\n]*)", re.M)
CURLRC = "silent\nshow-error\nfail-with-body\nmax-time = 30\n"
"""A refused request is a failed command, whatever the README's curl line says."""


class Block(NamedTuple):
    """A fenced block of commands: where it stands, what follows the language, and its text."""

    line: int
    info: str
    text: str

    @property
    def runs(self) -> bool:
        """Whether it is to be run."""
        return not self.info


def blocks(markdown: str) -> list[Block]:
    """Every fenced block of shell commands."""
    return [
        Block(markdown.count("\n", 0, found.start()) + 1, found["info"].strip(), found["text"])
        for found in FENCE.finditer(markdown)
        if found["language"] in SHELLS
    ]


class Session:
    """Runs blocks one after another; what one exports, the next ones see. Leaving it ends the gateway."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.exports = ""
        self.printed = ""
        """What the gateway wrote to standard output until it was ready."""
        self.log = directory / "gateway.log"
        self._address = ADDRESS
        self._key = KEY
        self._server: asyncio.subprocess.Process | None = None
        self._drain: asyncio.Task[bytes] | None = None

    async def __aenter__(self) -> "Session":
        (self.directory / ".curlrc").write_text(CURLRC)
        (self.directory / "empty.yaml").write_text("")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None and self._drain is not None:
            self._server.terminate()  # make passes it on
            await asyncio.wait_for(self._server.wait(), 30)
            await asyncio.wait_for(self._drain, 30)

    async def run(self, text: str) -> str:
        """Run the commands of one block; what they wrote. Raises AssertionError naming the commands that failed."""
        wrote = ""
        pending: list[str] = []
        for line in text.splitlines():
            if line.strip() == SERVE:
                wrote += await self._commands(pending)
                pending = []
                await self._serve()
            else:
                pending.append(line)
        return wrote + await self._commands(pending)

    def as_here(self, text: str) -> str:
        """The commands with this gateway's address and key."""
        return text.replace(ADDRESS, self._address).replace(KEY, self._key)

    def _environment(self) -> dict[str, str]:
        """Ours without what would change the gateway, or the make that runs us."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SLUICEGATE_", "MAKE", "MFLAGS"))}
        if self._key != KEY:
            kept["SLUICEGATE_KEY"] = self._key
        return kept | {
            "CURL_HOME": str(self.directory),
            "SLUICEGATE_CONFIG": str(self.directory / "empty.yaml"),
            "SLUICEGATE_DATA_DIR": str(self.directory / "data"),
            "SLUICEGATE_SERVER__PORT": "0",
            "SLUICEGATE_DEMO__OLLAMA_URL": "",
            **ENVIRON,
        }

    async def _commands(self, lines: list[str]) -> str:
        script = self.as_here("\n".join(lines))
        if not script.strip():
            return ""
        process = await asyncio.create_subprocess_exec(
            *("bash", "-euo", "pipefail", "-c", f"{self.exports}\n{script}"),
            cwd=ROOT,
            env=self._environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        wrote, _ = await asyncio.wait_for(process.communicate(), 120)
        assert process.returncode == 0, f"ended with {process.returncode}:\n{script}\n--- wrote:\n{wrote.decode()}"
        self.exports += "".join(f"{line}\n" for line in script.splitlines() if line.startswith("export "))
        return wrote.decode()

    async def _serve(self) -> None:
        with self.log.open("wb") as log:
            self._server = await asyncio.create_subprocess_exec(
                *SERVE.split(),
                cwd=ROOT,
                env=self._environment(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )
        assert self._server.stdout is not None
        while not (ready := READY.search(self.printed)):
            line = await asyncio.wait_for(self._server.stdout.readline(), 300)  # the first one may install
            assert line, f"make serve ended before it was ready:\n{self.printed}\n{self.log.read_text()}"
            self.printed += line.decode()
        self._address = ready.group(1).removeprefix("http://").rstrip("/")
        key = PRINTED_KEY.search(self.printed)
        assert key, f"make serve printed no virtual key:\n{self.printed}"
        self._key = key.group()
        self._drain = asyncio.create_task(self._server.stdout.read())
