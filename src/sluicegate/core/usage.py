"""Tokens and money, in the units the whole gateway counts in."""

from decimal import Decimal
from enum import StrEnum

import msgspec

NANO = Decimal(1_000_000_000)
"""Money is kept as whole nano-dollars (1e-9 USD), rounded up, so that sums are exact."""


class Unit(StrEnum):
    """What a provider may charge for instead of tokens."""

    IMAGE = "image"
    CHARACTER = "character"
    SECOND = "second"
    """Of sound."""
    NOTHING = "nothing"
    """Nothing is charged: tokens are only counted."""


class Usage(msgspec.Struct, frozen=True, gc=False):
    """Tokens of one exchange.

    `input` counts every input token, the `cached` and `cache_write` ones included; `output` counts every output token,
    `reasoning` included. `estimated` says that the provider reported none and the gateway counted itself.
    """

    input: int = 0
    output: int = 0
    cached: int = 0
    cache_write: int = 0
    reasoning: int = 0
    estimated: bool = False
    units: int = 0
    """Images, characters or seconds of sound, where the answer says how many; 0 where it does not."""

    @property
    def total(self) -> int:
        """Input and output together."""
        return self.input + self.output
