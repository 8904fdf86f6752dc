"""What a target is asked: the client's own bytes, its document with what governance changed, or a translation of it."""

import re
from collections.abc import Mapping

from sluicegate.codecs.translate import Translation
from sluicegate.core.dialect import MODEL_IN_ADDRESS, Dialect, DialectName
from sluicegate.core.exchange import Exchange, encode
from sluicegate.core.provider import Request, Target

EXCHANGE_HEADER = "x-sluicegate-exchange"
"""Sent to the provider with the exchange's id, so that its records and the audit log can be held against each other."""

_ALL = frozenset(DialectName)
_ANTHROPIC = frozenset((DialectName.ANTHROPIC_MESSAGES, DialectName.ANTHROPIC_COUNT_TOKENS))
_TRAVELLING = (
    ("traceparent", _ALL, re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")),
    ("anthropic-version", _ANTHROPIC, re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")),
    ("anthropic-beta", _ANTHROPIC, re.compile(r"[a-z0-9-]{1,64}(?:, ?[a-z0-9-]{1,64}){0,31}")),
)
"""The client's own headers that mean something to a target, in which of the dialects that client and target may both speak
(`traceparent`: also where they speak different ones), and how each must read to travel on."""


class Asking:
    """One exchange's request, as each of its targets is asked."""

    __slots__ = ("_dialects", "_exchange", "usage")

    def __init__(self, exchange: Exchange, dialects: Mapping[DialectName, Dialect]) -> None:
        self._exchange = exchange
        self._dialects = dialects
        self.usage: bool | None = None
        """Whether usage was asked for in the client's own document, once that is known."""

    def request(self, target: Target, dialect: DialectName, across: Translation | None) -> Request:
        """What `target` is asked, in `dialect`, by the translation that takes."""
        exchange = self._exchange
        ask, arrival = exchange.ask, exchange.arrival
        model = ask.model if target.upstream_model == "*" else target.upstream_model
        headers = self._headers(across is None)
        if across is None:
            body = self._own_body(model, target)
            return Request(
                dialect=dialect,
                model=model,
                body=body,
                stream=ask.stream,
                headers=headers,
                kind=arrival.kind,
                method=arrival.method,
                tail=arrival.tail,
            )
        if self.usage is None:
            self.usage = exchange.dialect.ask_usage(exchange.document)
        translated = across.request(exchange.document, model, target.max_output_tokens, stream=ask.stream)
        self._dialects[dialect].ask_usage(translated)
        return Request(dialect=dialect, model=model, body=encode(translated), stream=ask.stream, headers=headers)

    def _own_body(self, model: str, target: Target) -> bytes:
        """The body for a target that speaks the client's dialect: the client's own bytes where nothing was changed."""
        exchange = self._exchange
        ask, document, own, arrival = exchange.ask, exchange.document, exchange.dialect, exchange.arrival
        if self.usage is None:
            self.usage = own.ask_usage(document)
        same = (model == ask.model and not exchange.renamed) or own.name in MODEL_IN_ADDRESS
        named = document if same else {**document, "model": model}
        if ask.max_tokens is None and exchange.grant.budgets:
            # a budget reserved this much for the answer, so the answer must not become longer
            return arrival.write(own.bounded(named, target.max_output_tokens))
        if named is not document or exchange.edited or self.usage:
            return arrival.write(named)
        return arrival.body

    def _headers(self, same: bool) -> dict[str, str]:
        """The client's headers that travel on, and the exchange's id; `same` says that its dialect is the target's."""
        exchange = self._exchange
        given, spoken = exchange.arrival.headers, exchange.dialect.name
        headers = {}
        for name, dialects, form in _TRAVELLING:
            if name in given and spoken in dialects and (same or dialects is _ALL) and form.fullmatch(given[name]):
                headers[name] = given[name]
        headers[EXCHANGE_HEADER] = exchange.id
        return headers
