"""Active health checks: is there anybody where the deployments on the premises are?

Asked is whether something answers at all, because what a busy model server does with the question is its own affair: only an
address that cannot be reached, or says that it is unavailable, counts as absent, and only if it does so twice in a row.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from sluicegate.core.provider import Place, Target
from sluicegate.routing.health import Health

ABSENT_AFTER = 2
"""Checks in a row that must find nobody."""
LASTING = 3
"""For so many intervals a finding counts, so that a checker that has stopped keeps nothing from being called."""
MAX_ADDRESSES = 256
"""Addresses that are checked, all at once; those beyond are not."""

Present = Callable[[Target], Awaitable[bool]]
"""Whether anybody is there; bounded in time."""


class Checks:
    """Checks each address once every `seconds`. `targets` are all there are now."""

    def __init__(self, targets: Callable[[], Iterable[Target]], present: Present, health: Health, seconds: float) -> None:
        self._targets = targets
        self._present = present
        self._health = health
        self._seconds = seconds
        self._missed: dict[str, int] = {}
        """How often in a row nobody was at an address."""

    async def run(self) -> None:
        """Check until cancelled; at once where that is switched off (0 seconds)."""
        while self._seconds:
            await asyncio.sleep(self._seconds)
            await self.check()

    async def check(self) -> None:
        """Look once at every address."""
        by_address: dict[str, list[Target]] = {}
        for target in self._targets():
            if target.place is Place.ON_PREM and target.base_url:
                by_address.setdefault(target.base_url, []).append(target)
        groups = list(by_address.values())[:MAX_ADDRESSES]
        found = await asyncio.gather(*(self._present(group[0]) for group in groups))
        missed: dict[str, int] = {}
        for group, present in zip(groups, found, strict=True):
            address = group[0].base_url
            if not present:
                missed[address] = self._missed.get(address, 0) + 1
            for target in group:
                if present:
                    self._health.present(target.circuit)
                elif missed[address] >= ABSENT_AFTER:
                    self._health.absent(target.circuit, LASTING * self._seconds)
        self._missed = missed
