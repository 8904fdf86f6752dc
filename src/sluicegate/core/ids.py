"""Identifiers: 32 hexadecimal digits that sort by the time they were made."""

import os
import random
from time import time_ns

_random = random.Random(os.urandom(32))  # noqa: S311  ids must not repeat; they are no secrets
os.register_at_fork(after_in_child=lambda: _random.seed(os.urandom(32)))


def new_id() -> str:
    """48 bits of milliseconds since the epoch, then 80 random bits."""
    return f"{time_ns() // 1_000_000 << 80 | _random.getrandbits(80):032x}"
