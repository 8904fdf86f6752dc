"""A whole gateway in the process of the test: for what needs its path, and no socket."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from sluicegate.app import Gateway, prepare
from sluicegate.dlp.built_in import built_in
from sluicegate.dlp.policies import Policies
from sluicegate.settings import Settings
from sluicegate.store import migrate
from tests.support.automata import KEPT


@asynccontextmanager
async def client(folder: Path, policy: str, dlp: Mapping[str, Any], **more: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client with the key of the demo use case; `policy` is the policy file, `dlp` and `more` are settings beside it."""
    path = folder / "policies.yaml"
    path.write_text(policy)
    inspection = {"policies": str(path), **dlp}
    settings = Settings.model_validate({"data_dir": folder / "data", "demo": {"ollama_url": ""}, "dlp": inspection, **more})
    migrate.ensure(settings)
    first = prepare(settings)
    assert first is not None
    gateway = Gateway(settings, Policies(settings.dlp, KEPT, built_in(KEPT)))
    await gateway.start()
    try:
        transport = httpx.ASGITransport(gateway.site)
        headers = {"authorization": f"Bearer {first.key}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway", headers=headers, timeout=60) as made:
            yield made
    finally:
        await gateway.stop()
