"""For which use case; may it use this model, these features, these tools, from here?

Reads the body, which nobody has looked at before: sets `exchange.document` and `exchange.ask`, and binds the system prompt.
"""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

import msgspec

from sluicegate.core.decision import Decision, Detail, Reason, Verdict, deny
from sluicegate.core.dialect import STORING, Ask, Feature, SystemEdit
from sluicegate.core.exchange import Exchange
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


class Scope(Passive):
    """Holds a request to the use case of its key. Where that lacks `stored_state`, an API that stores unless told otherwise
    is told.

    Refuses with USE_CASE_INACTIVE, NETWORK_NOT_ALLOWED, MODEL_NOT_ALLOWED, FEATURE_NOT_ALLOWED, TOOL_NOT_ALLOWED (403).
    Raises what the server found wrong, ClientGone, and InvalidRequest for a body that cannot be read.
    """

    name = "s2_scope"

    def __init__(self, limits: Server) -> None:
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
        document = parse(await exchange.receive(), self._max_depth, self._max_values)
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
        if exchange.dialect.name in STORING and FEATURE_STORED not in binding.features and document.get("store") is None:
            document["store"] = False
            exchange.edited = True
        return _scoped(binding.name, binding.version, edit)


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
