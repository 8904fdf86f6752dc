"""What a target is asked: the client's own bytes, its document with what governance changed, or a translation of it."""

from collections.abc import Mapping, Sequence

from sluicegate.codecs.translate import Translation
from sluicegate.core.dialect import MODEL_IN_ADDRESS, Answers, DialectName, NamesAgain
from sluicegate.core.errors import UnsupportedFeature
from sluicegate.core.exchange import Exchange, encode
from sluicegate.core.provider import Request, Target
from sluicegate.providers import quirks
from sluicegate.providers.travel import EXCHANGE_HEADER, own_headers, travelling


class Asking:
    """One exchange's request, as each of its targets is asked."""

    __slots__ = ("_dialects", "_exchange", "_shown", "dropped", "usage")

    def __init__(self, exchange: Exchange, dialects: Mapping[DialectName, Answers]) -> None:
        self._exchange = exchange
        self._dialects = dialects
        self.usage: bool | None = None
        """Whether usage was asked for in the client's own document, once that is known."""
        self.dropped: dict[str, None] = {}
        """What the last request left out, by name."""
        self._shown: str | None = None
        """The address that was shown the client's own credential."""

    def request(self, target: Target, dialect: DialectName, across: Translation | None) -> Request:
        """What `target` is asked, in `dialect`, by the translation that takes."""
        exchange = self._exchange
        ask, arrival = exchange.ask, exchange.arrival
        model = target.upstream_model
        if model == "*":
            model = ask.model or (exchange.kept.model if exchange.kept else "")
        headers = travelling(target, arrival.headers, exchange.id, same=across is None)
        if across is None:
            body = self._own_body(model, target, headers) if ask.model else b""
            own = self._own_headers(target) if exchange.own_credential else None
            return Request(
                dialect=dialect,
                model=model,
                body=body,
                stream=ask.stream,
                headers=headers if own is None else {EXCHANGE_HEADER: exchange.id},
                kind=arrival.kind,
                method=arrival.method,
                tail=arrival.tail,
                own=own,
            )
        if exchange.own_credential:
            raise UnsupportedFeature("model", "A client with its own credential is only passed to its own API.")
        if self.usage is None:
            self.usage = exchange.dialect.ask_usage(exchange.document)
        translated = across.request(exchange.document, model, target.max_output_tokens, stream=ask.stream)
        self._dialects[dialect].ask_usage(translated)
        dropped = dict.fromkeys(across.dropped)
        if target.quirks:
            translated = quirks.apply(target.quirks, dialect, translated, headers, dropped)
        self.dropped = dropped
        return Request(dialect=dialect, model=model, body=encode(translated), stream=ask.stream, headers=headers)

    def _own_body(self, model: str, target: Target, headers: Mapping[str, str]) -> bytes:
        """The body for a target that speaks the client's dialect: the client's own bytes where nothing was changed."""
        exchange = self._exchange
        ask, document, own, arrival = exchange.ask, exchange.document, exchange.dialect, exchange.arrival
        if self.usage is None:
            self.usage = own.ask_usage(document)
        self.dropped = {}
        if model == ask.model and not exchange.renamed:
            named = document
        elif own.name in MODEL_IN_ADDRESS:
            named = own.for_model(document, model) if isinstance(own, NamesAgain) else document
        else:
            named = {**document, "model": model}
        if ask.max_tokens is None and exchange.grant.budgets:
            # a budget reserved this much for the answer, so the answer must not become longer
            named = own.bounded({**named}, target.max_output_tokens)
        if target.quirks:
            named = quirks.apply(target.quirks, own.name, named, headers, self.dropped)
        if named is not document or exchange.edited or self.usage:
            return arrival.write(named)
        return arrival.body

    def _own_headers(self, target: Target) -> Sequence[tuple[bytes, bytes]]:
        """The client's headers, its credential among them, which goes to one provider and to no other after it.

        Raises UnsupportedFeature where that is another.
        """
        if self._shown is None:
            self._shown = target.base_url
        elif self._shown != target.base_url:
            raise UnsupportedFeature("model", "A client's own credential is shown to one provider alone.")
        return own_headers(self._exchange.arrival)
