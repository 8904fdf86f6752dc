"""A deadline that is set for every request and hardly ever met, so setting it must cost next to nothing."""

import asyncio
from collections.abc import Callable


class Deadline:
    """Calls `expired` once its time has come. Moving it later moves no timer: the timer looks again when it fires."""

    __slots__ = ("_at", "_expired", "_loop", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop, expired: Callable[[], None]) -> None:
        self._loop = loop
        self._expired = expired
        self._at: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    def set(self, seconds: float) -> None:
        """Expire in `seconds` from now, whatever was set before."""
        self._at = at = self._loop.time() + seconds
        if self._timer is not None:
            if self._timer.when() <= at:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(at, self._fired)

    def clear(self) -> None:
        """Do not expire, until set again."""
        self._at = None

    def cancel(self) -> None:
        """Give the timer back: nothing is set any more."""
        self._at = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fired(self) -> None:
        self._timer = None
        if self._at is None:
            return
        if self._loop.time() < self._at:
            self._timer = self._loop.call_at(self._at, self._fired)
            return
        self._at = None
        self._expired()
