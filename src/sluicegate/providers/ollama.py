"""Ollama on its usual port: which models it has, asked once at start and off the critical path."""

import asyncio
from collections.abc import Mapping

import msgspec

from sluicegate.core.errors import UpstreamError
from sluicegate.core.provider import Target
from sluicegate.providers import address
from sluicegate.providers.connection import StaleConnectionError
from sluicegate.providers.get import get
from sluicegate.providers.pool import Pool
from sluicegate.providers.presets import presets
from sluicegate.settings import Demo

MAX_BYTES = 1024 * 1024
MAX_MODELS = 1_000
"""Of the list of models; what is beyond is not offered."""


class _Model(msgspec.Struct):
    name: str


class _Tags(msgspec.Struct):
    models: list[_Model]


async def offered(pool: Pool, demo: Demo) -> Mapping[str, Target]:
    """The models Ollama offers, by each name a client may use: `ollama/<name>` and `<name>`. Empty if it does not answer."""
    if not demo.ollama_url:
        return {}
    try:
        base = address.parse(demo.ollama_url)
        async with asyncio.timeout(demo.ollama_timeout):
            body = (await get(pool, base, f"{base.path}/api/tags", MAX_BYTES)).body
        names = [model.name for model in msgspec.json.decode(body, type=_Tags).models]
    except (ValueError, TimeoutError, UpstreamError, StaleConnectionError, msgspec.DecodeError):
        return {}
    targets: dict[str, Target] = {}
    for name in names[:MAX_MODELS]:
        if 0 < len(name) <= 120 and name.isascii() and name.isprintable():
            target = _target(name, demo.ollama_url)
            targets[target.model] = targets[name] = target
    return targets


def _target(name: str, url: str) -> Target:
    preset = presets()["ollama"]
    return Target(
        deployment=f"ollama/{name}",
        model=f"ollama/{name}",
        upstream_model=name,
        provider="ollama",
        kind="http",
        dialects=preset.dialects,
        base_url=f"{url.rstrip('/')}/v1",
        credential=None,
        headers={},
        place=preset.place,
        region="",
        order=0,
        weight=1,
        max_output_tokens=32_768,
        circuit=f"ollama/{name}",
    )
