"""kill -9 under load, at 100 random moments: nothing that left the gateway is missing from its log.

Two gateways with a data folder each die and start again by turns, so that one starts while the other is under load.
`KILL_SEED=n` repeats a run's moments.
"""

import asyncio
import os
import random
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.automata import ENVIRON
from tests.support.client import DIALECTS, LIMIT, answer
from tests.support.evidence import assert_verified, entries
from tests.support.gateway import READY, governed, running

ROOT = Path(__file__).parents[2]
KILLS = 100
CLIENTS = 12
LATEST = 0.15
"""Seconds of load before the latest kill."""


class Chain:
    """One data folder, and the gateways that live and die on it."""

    def __init__(self, directory: Path, settings: dict[str, Any], seed: str) -> None:
        self.directory = directory
        self.random = random.Random(seed)
        self.whole: set[str] = set()
        """Exchanges whose answers came whole."""
        self.kills = 0
        directory.mkdir()
        config = directory / "sluicegate.yaml"
        config.write_text(yaml.safe_dump(settings))
        environ = {name: value for name, value in os.environ.items() if not name.startswith("SLUICEGATE_")}
        environ |= ENVIRON | {"SLUICEGATE_CONFIG": str(config), "SLUICEGATE_DATA_DIR": str(directory / "data")}
        self.environ = environ | {"SLUICEGATE_SERVER__PORT": "0", "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT)}

    async def live(self, kills: int) -> None:
        """Start, load and kill `kills` times."""
        with (self.directory / "stderr.log").open("ab") as errors:
            nursery = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.support.nursery"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                env=self.environ,
                cwd=ROOT,
            )
        assert nursery.stdin is not None
        assert nursery.stdout is not None
        try:
            while self.kills < kills:
                nursery.stdin.write(b"start\n")
                await self.die(nursery.stdout)
                self.kills += 1
        finally:
            nursery.stdin.close()
            await nursery.wait()

    async def die(self, output: asyncio.StreamReader) -> None:
        """Load the gateway that is starting, and kill it at a random moment."""
        pid, url = 0, ""
        while not (pid and url):
            line = (await asyncio.wait_for(output.readline(), LIMIT)).decode()
            assert line not in ("", "ended\n"), (self.directory / "stderr.log").read_text()[-2000:]
            if line.startswith("pid "):
                pid = int(line[4:])
            elif found := READY.match(line):
                url = found.group(1)
        clients = [asyncio.ensure_future(self.client(url, number)) for number in range(CLIENTS)]
        await asyncio.sleep(self.random.uniform(0, LATEST))  # the random moment
        os.kill(pid, signal.SIGKILL)
        while await asyncio.wait_for(output.readline(), LIMIT) != b"ended\n":
            pass
        await asyncio.gather(*clients)

    async def client(self, url: str, number: int) -> None:
        """Ask again and again until the gateway is gone."""
        dialect = DIALECTS[number % 2]
        stream = number % 4 < 2
        while True:
            try:
                got = await answer(url, dialect, stream=stream)
            except OSError:
                return
            if not got.ended:
                return
            assert got.status == 200, got
            assert not stream or dialect.end in got.body
            self.whole.add(got.exchange)

    def check(self, seen: set[str]) -> set[str]:
        """What is left of `seen`, the calls that the provider saw, when those with an intent entry here are taken away."""
        intents = [entry["exchange"] for entry in entries(self.directory, "intent")]
        outcomes = {entry["exchange"]: entry["outcome"] for entry in entries(self.directory, "outcome")}
        assert len(outcomes) == len(entries(self.directory, "outcome")) == len(intents)
        assert outcomes.keys() == set(intents)
        assert {outcomes.get(exchange) for exchange in self.whole} == {"answered"}
        assert "unknown_crash" in outcomes.values()
        assert set(outcomes.values()) <= {"answered", "unknown_crash"}
        return seen - set(intents)


@pytest.mark.usefixtures("takes_minutes")
async def test_kill_at_random_moments_under_load(tmp_path: Path) -> None:
    seed = os.environ.get("KILL_SEED") or str(random.SystemRandom().randrange(2**32))
    sys.stdout.write(f"KILL_SEED={seed}\n")
    log = tmp_path / "calls.log"
    provider = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.upstream", "--log", str(log)),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    try:
        assert provider.stdout is not None
        settings = governed(f"http://127.0.0.1:{int(await provider.stdout.readline())}")
        chains = [Chain(tmp_path / f"gateway-{number}", settings, f"{seed}-{number}") for number in range(2)]
        await asyncio.gather(*(chain.live(KILLS // len(chains)) for chain in chains))
    finally:
        provider.kill()
        await provider.wait()
    for chain in chains:
        async with running(chain.directory, settings):  # closes what the last kill left open
            pass
    unrecorded = set(log.read_text().split())
    assert "-" not in unrecorded
    for chain in chains:
        assert len(chain.whole) > KILLS
        unrecorded = chain.check(unrecorded)
        await assert_verified(chain.directory)
    assert not unrecorded
