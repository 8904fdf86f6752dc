"""Stands in for a language model in Presidio: splits into words, and knows nothing about them."""

from collections.abc import Iterable, Iterator
from typing import Any

import spacy
from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine


class Words(NlpEngine):
    """A tokeniser without a model. The lemma of a word is the word in lower case, so that context words count as written."""

    def __init__(self) -> None:
        self.blank = spacy.blank("en")
        self.blank.max_length = 100_000_000

    def load(self) -> None:
        """There is nothing to load."""

    def is_loaded(self) -> bool:
        return True

    def process_text(self, text: str, language: str) -> NlpArtifacts:
        words = self.blank(text)
        return NlpArtifacts([], words, [word.idx for word in words], [word.lower_ for word in words], self, language)

    def process_batch(self, texts: Iterable[str], language: str, **_: Any) -> Iterator[tuple[str, NlpArtifacts]]:
        return ((text, self.process_text(text, language)) for text in texts)

    def is_stopword(self, word: str, language: str) -> bool:
        return bool(self.blank.vocab[word].is_stop)

    def is_punct(self, word: str, language: str) -> bool:
        return bool(self.blank.vocab[word].is_punct)

    def get_supported_entities(self) -> list[str]:
        return []

    def get_supported_languages(self) -> list[str]:
        return ["en"]
