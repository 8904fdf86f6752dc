"""Whether anybody is at a target's address, for health checks."""

import asyncio

from sluicegate.core.errors import UpstreamError, UpstreamTimeout
from sluicegate.core.provider import Target
from sluicegate.providers import address
from sluicegate.providers.connection import StaleConnectionError
from sluicegate.providers.get import get
from sluicegate.providers.pool import Pool

UNAVAILABLE = frozenset({502, 503})
"""What a proxy says in front of a server that is not there, and a server that is still loading its model."""
MAX_BYTES = 64 * 1024
WAIT = 10.0
"""Seconds; whoever takes longer is busy, and so is there."""


async def present(pool: Pool, target: Target) -> bool:
    """Ask for the list of models, without a credential: any answer but UNAVAILABLE is a sign of life."""
    try:
        base = address.parse(target.base_url)
        async with asyncio.timeout(WAIT):
            return (await get(pool, base, f"{base.path}/models", MAX_BYTES)).status not in UNAVAILABLE
    except (TimeoutError, UpstreamTimeout, StaleConnectionError):
        return True
    except (ValueError, UpstreamError):
        return False
