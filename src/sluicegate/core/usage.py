"""Tokens and money, in the units the whole gateway counts in."""

from decimal import Decimal

import msgspec

NANO = Decimal(1_000_000_000)
"""Money is kept as whole nano-dollars (1e-9 USD), rounded up, so that sums are exact."""


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

    @property
    def total(self) -> int:
        """Input and output together."""
        return self.input + self.output
