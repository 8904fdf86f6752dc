"""The peers that detection is compared with, each in an environment of its own, asked over a pipe.

* detect-secrets: every plug-in and filter that is on by default, on each text as a file without an extension.
* Presidio: every pattern recogniser of every country, also those that are off by default, and the one for phone numbers.
  There is no language model, but a tokeniser, so that context words count as written. It is shown twice: with every finding,
  as `AnalyzerEngine` gives them out unless told otherwise, and with those from score 0.4 on, which its phone numbers have.
* LLM Guard: `Secrets` (on bc-detect-secrets) and `Anonymize` as they ship, without the NER model that `Anonymize` downloads.
  `Regex` ships no patterns, so there is nothing to run.

The versions are pinned in bench/peers/*.txt, dependencies included. A peer is installed at the first run into
`$XDG_CACHE_HOME/sluicegate-bench` (default `~/.cache`), and again when its pins change. It reads rows as JSON lines (`id`,
`text`) and writes JSON lines (`id`, `findings`: kind, start, end, score), the last with the CPU seconds it used (`cpu`).
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from bench.detection_kinds import meant
from bench.detection_score import Finding
from bench.systems import CACHE, ROOT

FOLDER = ROOT / "bench" / "peers"
LONGEST_INSTALL = 900.0
LONGEST_RUN = 3_600.0


class Peer(NamedTuple):
    """A peer, and under which names its findings count from which score on."""

    name: str
    shown: dict[str, float]

    @property
    def pins(self) -> Path:
        """What it is, and what it needs."""
        return FOLDER / f"{self.name}.txt"

    @property
    def runner(self) -> Path:
        """What runs in its environment."""
        return FOLDER / f"run_{self.name.replace('-', '_')}.py"


PEERS = (
    Peer("detect-secrets", {"detect-secrets": 0.0}),
    Peer("presidio", {"Presidio": 0.0, "Presidio ≥ 0.4": 0.4}),
    Peer("llm-guard", {"LLM Guard": 0.0}),
)


class Unavailable(Exception):
    """A peer could not be installed or run; the message says why, and quotes no text of a row."""


class Asked(NamedTuple):
    """What a peer answered."""

    version: str
    found: dict[str, list[list[Finding]]]
    """Under each of its names, what it found, row by row."""
    seconds: float
    """Of CPU."""


def ask(peer: Peer, texts: Sequence[str], python: Callable[[Peer], Path] | None = None) -> Asked:
    """What a peer finds in the texts. Raises Unavailable."""
    command = [str((python or installed)(peer)), str(peer.runner)]
    environment = {**os.environ, "PYTHONHASHSEED": "0"}  # some of them go through sets
    rows = "".join(json.dumps({"id": number, "text": text}) + "\n" for number, text in enumerate(texts))
    try:
        done = subprocess.run(
            command, input=rows.encode(), capture_output=True, timeout=LONGEST_RUN, check=False, env=environment
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{type(error).__name__}") from None
    if done.returncode:
        # Only the exception's type: its message may quote a row.
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or [""]
        raise Unavailable(f"ended with {done.returncode}: {last[0].partition(':')[0]}")
    return answer(peer, done.stdout, len(texts))


def answer(peer: Peer, output: bytes, count: int) -> Asked:
    """What a runner wrote about `count` rows. Raises Unavailable if a row is missing."""
    *lines, last = [json.loads(line) for line in output.splitlines()] or [{}]
    if [line["id"] for line in lines] != list(range(count)) or "cpu" not in last:
        raise Unavailable(f"answered {len(lines)} of {count} rows")
    found = {}
    for name, least in peer.shown.items():
        found[name] = [
            [Finding(meant(name, kind), start, end) for kind, start, end, score in line["findings"] if score >= least]
            for line in lines
        ]
    return Asked(version(peer), found, last["cpu"])


def version(peer: Peer) -> str:
    """Its own pin."""
    return next(line for line in peer.pins.read_text().splitlines() if _same(line.partition("==")[0], peer.name))


def _same(pinned: str, name: str) -> bool:
    return pinned.replace("_", "-").lower() in (name, f"{name}-analyzer")


def installed(peer: Peer) -> Path:
    """The interpreter of the peer's environment, which is made if it is not there. Raises Unavailable."""
    environment = CACHE / f"detect-{peer.name}-{sha256(peer.pins.read_bytes()).hexdigest()[:12]}"
    python = environment / "bin" / "python"
    done = environment / ".installed"
    if done.exists():
        return python
    print(f"installing {peer.name} into {environment}", file=sys.stderr)
    shutil.rmtree(environment, ignore_errors=True)
    pip = [
        str(python),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--only-binary",
        ":all:",
    ]
    for command in ([sys.executable, "-m", "venv", str(environment)], [*pip, "-r", str(peer.pins)]):
        try:
            result = subprocess.run(command, capture_output=True, timeout=LONGEST_INSTALL, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Unavailable(f"could not be installed: {type(error).__name__}") from None
        if result.returncode:
            last = result.stderr.decode(errors="replace").strip().splitlines()[-1:] or [""]
            raise Unavailable(f"could not be installed: {last[0]}")
    done.touch()
    return python
