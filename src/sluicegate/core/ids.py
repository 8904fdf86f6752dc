"""Identifiers: 32 hexadecimal digits that sort by the time they were made."""

import os
import random
import time

_random = random.Random(os.urandom(32))  # noqa: S311  ids must not repeat; they are no secrets
os.register_at_fork(after_in_child=lambda: _random.seed(os.urandom(32)))


def new_id() -> str:
    """48 bits of milliseconds since the epoch, then 80 random bits."""
    return f"{time.time_ns() // 1_000_000:012x}{_random.getrandbits(80):020x}"
