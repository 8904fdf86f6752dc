"""Deadlines, on the real loop with short times."""

import asyncio

from sluicegate.web.deadline import Deadline


class Expiry:
    """Knows when its deadline expired."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.deadline = Deadline(self.loop, self._expired)
        self.at: float | None = None
        self.event = asyncio.Event()

    def _expired(self) -> None:
        self.at = self.loop.time()
        self.event.set()


async def test_expires_once_at_its_time() -> None:
    expiry = Expiry()
    begun = expiry.loop.time()
    expiry.deadline.set(0.01)
    await expiry.event.wait()
    assert expiry.at is not None
    assert expiry.at - begun >= 0.009


async def test_moved_later_expires_later() -> None:
    expiry = Expiry()
    begun = expiry.loop.time()
    expiry.deadline.set(0.01)
    expiry.deadline.set(0.04)
    await expiry.event.wait()
    assert expiry.at is not None
    assert expiry.at - begun >= 0.039


async def test_moved_earlier_expires_earlier() -> None:
    expiry = Expiry()
    expiry.deadline.set(3_600)
    expiry.deadline.set(0.01)
    await asyncio.wait_for(expiry.event.wait(), 5)


async def test_cleared_and_cancelled_do_not_expire() -> None:
    cleared, cancelled, later = Expiry(), Expiry(), Expiry()
    cleared.deadline.set(0.01)
    cleared.deadline.clear()
    cancelled.deadline.set(0.01)
    cancelled.deadline.cancel()
    later.deadline.set(0.03)
    await later.event.wait()
    assert cleared.at is None
    assert cancelled.at is None
    cleared.deadline.set(0.001)
    await cleared.event.wait()
