"""Which of a client's headers go on to a provider."""

import re
from collections.abc import Mapping, Sequence

from sluicegate.core.exchange import Arrival
from sluicegate.core.provider import Target

EXCHANGE_HEADER = "x-sluicegate-exchange"
"""Sent to the provider with the exchange's id, so that its records and the audit log can be held against each other."""

KEY_HEADER = "x-sluicegate-key"
"""Names the caller, where other headers hold what is the provider's to read."""

_TRACE = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
"""How the client's `traceparent` must read to travel on (W3C Trace Context)."""
_WORDS = re.compile(r"[A-Za-z0-9_.=-]{1,64}(?:, ?[A-Za-z0-9_.=-]{1,64}){0,31}")
"""How its other headers must read: names and dates, as a list."""


def travelling(target: Target, given: Mapping[str, str], exchange: str, *, same: bool) -> dict[str, str]:
    """Those of the headers `given` that travel on, and the exchange's id.

    `same` says that the client's dialect is the one the target is asked in: only then its provider's list counts.
    """
    headers = {}
    trace = given.get("traceparent")
    if trace is not None and _TRACE.fullmatch(trace):
        headers["traceparent"] = trace
    if same:
        for name in target.client_headers:
            value = given.get(name)
            if value is not None and _WORDS.fullmatch(value):
                headers[name.value] = value
    headers[EXCHANGE_HEADER] = exchange
    return headers


def own_headers(arrival: Arrival) -> Sequence[tuple[bytes, bytes]]:
    """Every header of a client that shows its provider a credential of its own; none in which its virtual key stands."""
    key = arrival.headers[KEY_HEADER].encode("latin-1")
    return [(name, value) for name, value in arrival.raw if key not in value]
