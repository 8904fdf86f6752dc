"""For which use case; may it use this model, these features, these tools, from here?

Reads the body, which nobody has looked at before: sets `exchange.document` and `exchange.ask`, and binds the system prompt.
"""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Protocol

import msgspec

from sluicegate.core.decision import Decision, Detail, Reason, Verdict, deny
from sluicegate.core.dialect import STORING, Ask, Feature, Referring, SystemEdit
from sluicegate.core.errors import InvalidRequest
from sluicegate.core.exchange import Exchange, Kept
from sluicegate.core.identity import UseCase
from sluicegate.core.names import named
from sluicegate.core.stage import Passive
from sluicegate.dialects.document import parse
from sluicegate.settings import Server

FEATURE_STORED = Feature.STORED_STATE
MAX_NAME = 512
"""The longest name of a model or tool, in characters, that any allowlist is asked about."""
NAMED = 16
"""How many refused names a decision lists."""


class Stored(Protocol):
    """Whose stored answers are (`routing/stored.py`)."""

    async def find(self, organisation: str, use_case: str, answer: str) -> Kept | None:
        """Where the use case's answer is kept; None if it has none of this id."""


class Scope(Passive):
    """Holds a request to the use case of its key. Where that lacks `stored_state`, an API that stores unless told otherwise
    is told.

    Refuses with USE_CASE_INACTIVE, NETWORK_NOT_ALLOWED, MODEL_NOT_ALLOWED, FEATURE_NOT_ALLOWED, TOOL_NOT_ALLOWED (403).
    Raises what the server found wrong, ClientGone, and InvalidRequest for a body that cannot be read.
    """

    name = "s2_scope"

    def __init__(self, limits: Server, stored: Stored | None = None) -> None:
        """`stored` knows whose stored answers are; without it there are none."""
        self._stored = stored
        self._max_depth = limits.max_json_depth
        self._max_values = limits.max_json_values

    async def admit(self, exchange: Exchange) -> Decision:
        """Admit what the use case allows, with its system prompt bound. The body is parsed once the network is right."""
        binding = exchange.grant.use_case
        if not binding.active:
            return deny(Reason.USE_CASE_INACTIVE, use_case=binding.name)
        arrival = exchange.arrival
        if binding.networks and not _within(arrival.peer, binding.networks):
            return deny(Reason.NETWORK_NOT_ALLOWED, use_case=binding.name)
        body = await exchange.receive()
        document = parse(body, self._max_depth, self._max_values) if arrival.parse is None else arrival.parse(body)
        exchange.document = document
        ask = exchange.dialect.read(document)
        model = binding.aliases.get(ask.model) if binding.aliases else None
        if model is not None:
            ask = msgspec.structs.replace(ask, model=model)
            exchange.renamed = True
        exchange.ask = ask
        refusal = _refusal(binding, ask)
        if refusal is not None:
            return refusal
        edit = exchange.dialect.bind_system(document, binding.system_prompt, binding.system_mode)
        if edit.changed:
            exchange.edited = True
        if exchange.dialect.name in STORING:
            if FEATURE_STORED in binding.features:
                await self._refer(exchange)
            elif document.get("store") is None:
                document["store"] = False
                exchange.edited = True
        return _scoped(binding.name, binding.version, edit)

    async def _refer(self, exchange: Exchange) -> None:
        """Find where the stored answer is kept that the request refers to, if it does.

        Raises InvalidRequest (ANSWER_UNKNOWN) where the use case has none of this id, whoever else may have one.
        """
        dialect, arrival, grant = exchange.dialect, exchange.arrival, exchange.grant
        about = dialect if isinstance(dialect, Referring) else None
        answer = about.id if about else exchange.document.get("previous_response_id")
        if answer is None:
            return
        if self._stored is not None and len(answer) <= MAX_NAME:
            exchange.kept = await self._stored.find(grant.organisation, grant.use_case.id, answer)
        if exchange.kept is None:
            field = "id" if about else "previous_response_id"
            raise InvalidRequest(Reason.ANSWER_UNKNOWN, "There is no stored answer of this id.", field=field)
        if about:
            arrival.method, arrival.tail = about.method, about.tail


@lru_cache(maxsize=4_096)
def _scoped(use_case: str, version: int, edit: SystemEdit) -> Decision:
    """One object for what is decided again and again, so that the record encodes it once."""
    detail: Detail = {
        "use_case": use_case,
        "version": version,
        "system_injected": int(edit.injected),
        "system_dropped": edit.dropped,
        "system_appended": edit.appended,
    }
    return Decision(Verdict.ALLOW, Reason.SCOPED, detail)


def _refusal(binding: UseCase, ask: Ask) -> Decision | None:
    if ask.model and (len(ask.model) > MAX_NAME or binding.models.fullmatch(ask.model) is None):
        return deny(Reason.MODEL_NOT_ALLOWED, use_case=binding.name, model=named(ask.model))
    if ask.features and not ask.features <= binding.features:
        excess = tuple(sorted(ask.features - binding.features))
        return deny(Reason.FEATURE_NOT_ALLOWED, use_case=binding.name, features=excess)
    if ask.tools and binding.tools is not None:
        refused = [tool for tool in ask.tools if len(tool) > MAX_NAME or binding.tools.fullmatch(tool) is None]
        if refused:
            names = tuple(named(tool) for tool in refused[:NAMED])
            return deny(Reason.TOOL_NOT_ALLOWED, use_case=binding.name, tools=names, refused=len(refused))
    return None


def _within(peer: str, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    """Whether `peer` is an address of one of `networks`; an IPv4 address written in IPv6 counts as the IPv4 address."""
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in networks)
