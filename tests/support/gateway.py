"""A running gateway for tests: the real command, in a process of its own, on a free port, with a data folder of its own."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml

from sluicegate.identity.keys import mint
from tests.support.automata import ENVIRON

READY = re.compile(r"^Sluicegate is ready at (http://\S+)$", re.M)


class Gateway:
    """One `sluicegate serve` process. `url` is its address, `printed` what it wrote to standard output so far."""

    def __init__(self, process: asyncio.subprocess.Process, directory: Path) -> None:
        self.process = process
        self.directory = directory
        self.printed = ""
        self.url = ""

    async def wait_ready(self) -> None:
        """Return once it answers; raises AssertionError with what it wrote if it ended instead."""
        assert self.process.stdout is not None
        while not (found := READY.search(self.printed)):
            line = await asyncio.wait_for(self.process.stdout.readline(), 30)
            if not line:
                log = (self.directory / "stderr.log").read_text()
                raise AssertionError(f"the gateway ended with {await self.process.wait()}:\n{self.printed}\n{log}")
            self.printed += line.decode()
        self.url = found.group(1)

    async def stop(self) -> int:
        """SIGTERM, and wait for the end; the exit status."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), 30)

    async def kill(self) -> None:
        """SIGKILL, and wait for the end."""
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()

    @property
    def log(self) -> str:
        """What it wrote to standard error."""
        return (self.directory / "stderr.log").read_text()


async def start(directory: Path, settings: Mapping[str, Any] | None = None, env: Mapping[str, str] | None = None) -> Gateway:
    """Start a gateway whose file of settings is `settings`, in `directory`; it answers when this returns."""
    directory.mkdir(parents=True, exist_ok=True)
    config = directory / "sluicegate.yaml"
    config.write_text(yaml.safe_dump(dict(settings or {})))
    environ = {name: value for name, value in os.environ.items() if not name.startswith("SLUICEGATE_")}
    environ |= {"SLUICEGATE_CONFIG": str(config), "SLUICEGATE_DATA_DIR": str(directory / "data")}
    environ |= {"SLUICEGATE_SERVER__PORT": "0", "SLUICEGATE_DEMO__OLLAMA_URL": "", **ENVIRON, **(env or {})}
    with (directory / "stderr.log").open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "sluicegate", "serve"),
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            env=environ,
            cwd=directory,
        )
    gateway = Gateway(process, directory)
    await gateway.wait_ready()
    return gateway


@asynccontextmanager
async def running(directory: Path, settings: Mapping[str, Any] | None = None) -> AsyncIterator[Gateway]:
    """A gateway that is stopped when the context is left."""
    gateway = await start(directory, settings)
    try:
        yield gateway
    finally:
        await gateway.stop()


KEY = mint()
"""A virtual key for tests, new in every run; `governed` declares it."""


CHAT_MODEL = "test-chat"
"""The model at the scripted provider that speaks OpenAI Chat Completions; any `test-…` is."""
MESSAGES_MODEL = "claude-test"
"""The model at the scripted provider that speaks Anthropic Messages; any `claude-…` is."""
RESPONSES_MODEL = "gpt-test"
"""The model at the scripted provider that speaks OpenAI Responses; any `gpt-test…` is."""
GEMINI_MODEL = "gemini-test"
"""The model at the scripted provider that speaks Gemini; any `gemini-…` is."""


def governed(upstream: str, *, key: Mapping[str, Any] | None = None, **use_case: Any) -> dict[str, Any]:
    """Settings with one use case, the key KEY, and models at a scripted provider at `upstream`, in both dialects."""
    case = {
        "organisation": "acme",
        "team": "claims",
        "name": "triage",
        "purpose": "Tests.",
        "models": ["test-*", "claude-*", "gpt-test*", "gemini-*"],
        "features": ["tools", "remote_urls"],
    }
    bound = {
        "organisation": "acme",
        "use_case": "triage",
        "name": "test",
        "principal": "service_account:test",
        "sha256": sha256(KEY.encode()).hexdigest(),
    }
    price = {"input": "1", "output": "2"}
    return {
        "organisations": [{"name": "acme"}],
        "teams": [{"organisation": "acme", "name": "claims"}],
        "use_cases": [{**case, **use_case}],
        "keys": [{**bound, **(key or {})}],
        "providers": [
            {"name": "chat", "dialects": ["openai_chat"], "base_url": f"{upstream}/v1", "place": "on_prem"},
            {"name": "messages", "dialects": ["anthropic_messages"], "base_url": upstream, "place": "on_prem"},
            {"name": "responses", "dialects": ["openai_responses"], "base_url": f"{upstream}/v1", "place": "on_prem"},
            {
                "name": "gemini",
                "dialects": ["gemini", "gemini_count_tokens", "gemini_embed", "gemini_batch_embed"],
                "base_url": upstream,
                "place": "on_prem",
            },
        ],
        "deployments": [
            {"name": name, "model": model, "provider": name, "upstream_model": "*", "price": price}
            for name, model in (
                ("chat", "test-*"),
                ("messages", "claude-*"),
                ("responses", "gpt-test*"),
                ("gemini", "gemini-*"),
            )
        ],
        "demo": {"enabled": False},
    }
