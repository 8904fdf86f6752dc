"""Which answers may be given again, and to what: everything that they depend on, as one digest."""

from hashlib import sha256

from sluicegate.core.decision import Verdict
from sluicegate.core.dialect import STORING, DialectName, Feature
from sluicegate.core.exchange import Exchange, encode
from sluicegate.core.provider import JSON, ClientHeader

ALLOW = Verdict.ALLOW

_ANSWERING = frozenset(
    (
        DialectName.OPENAI_CHAT,
        DialectName.ANTHROPIC_MESSAGES,
        DialectName.OPENAI_RESPONSES,
        DialectName.OPENAI_COMPLETIONS,
        DialectName.OPENAI_EMBEDDINGS,
        DialectName.GEMINI,
        DialectName.GEMINI_EMBED,
        DialectName.GEMINI_BATCH_EMBED,
    )
)
"""Dialects whose answers depend on the document alone, and are worth being kept."""
_WITHIN = frozenset((Feature.TOOLS,))
"""What a document may ask for and still hold everything that its answer depends on: the client runs these tools itself."""


def cacheable(exchange: Exchange) -> bool:
    """Whether an answer to this exchange may be kept, or be one that was.

    Not where something was found in the prompt, be it only noted: it holds what policy watches over, and placeholders mean
    something else in every session. Not where the answer depends on, or changes, what is stored or fetched elsewhere.
    """
    dialect, arrival = exchange.dialect.name, exchange.arrival
    if dialect not in _ANSWERING or arrival.method != "POST" or arrival.tail or arrival.kind != JSON:
        return False
    if not exchange.ask.features <= _WITHIN or (dialect in STORING and exchange.document.get("store") is not False):
        return False
    if exchange.own_credential or exchange.on_prem_only or exchange.sealed_values:
        return False
    return all(decision.verdict is ALLOW for _, decision in exchange.decisions)


def key_of(exchange: Exchange, *, blank: bool = False) -> bytes:
    """The SHA-256 of everything that the answer depends on.

    Strings as a JSON list, which ends where it ends, then the document: two different lots of parts never read alike. With
    `blank` something was taken out of the document for a moment, and the digest is of what is left.
    """
    grant, ask, arrival = exchange.grant, exchange.ask, exchange.arrival
    use_case = grant.use_case
    parts = [
        grant.organisation,
        use_case.id,
        str(use_case.version),
        exchange.policy_version,
        exchange.dialect.name.value,
        arrival.surface,
        "streamed" if ask.stream else "whole",
        ask.model,
        *[arrival.headers.get(name, "") for name in ClientHeader],
        "bounded" if grant.budgets else "unbounded",  # a budget bounds the answer, see asking.py
        "blank" if blank else "edited" if exchange.edited else "as sent",
    ]
    document = encode(exchange.document) if exchange.edited or blank else arrival.body
    return sha256(encode({"parts": parts}) + document).digest()
