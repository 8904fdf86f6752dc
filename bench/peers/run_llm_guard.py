"""LLM Guard's scanners that need no model: `Secrets`, and `Anonymize` without its NER model. See bench/detection_peers.py.

`Anonymize` is put together as its own `get_analyzer` does it, with its default kinds, patterns, context and threshold, but
without the recogniser that downloads a model, and with a tokeniser in place of spaCy's model. torch and transformers, which
importing the package asks for and these scanners do not use, are stand-ins. `Regex` ships no patterns: nothing to run.
"""

import importlib.machinery
import json
import logging
import sys
import tempfile
import time
from pathlib import Path
from unittest.mock import MagicMock

STOOD_IN_FOR = (
    "torch",
    "transformers",
    *(f"transformers.{name}" for name in ("pipelines", "pipelines.token_classification")),
)
STOOD_IN_FOR += ("transformers.tokenization_utils", "transformers.tokenization_utils_fast")
for _name in STOOD_IN_FOR:
    sys.modules[_name] = MagicMock(name=_name, __spec__=importlib.machinery.ModuleSpec(_name, None))

from presidio_analyzer import AnalyzerEngine, RecognizerRegistry  # noqa: E402

# Before LLM Guard is imported: it has recognisers for Chinese under the same names, and Presidio, which looks names up in an
# unordered set of classes, would take the one or the other by chance.
REGISTRY = RecognizerRegistry(supported_languages=["en"])
REGISTRY.load_predefined_recognizers(languages=["en"])

import structlog  # noqa: E402
from detect_secrets.core.secrets_collection import SecretsCollection  # noqa: E402
from detect_secrets.settings import transient_settings  # noqa: E402
from llm_guard.input_scanners import anonymize, secrets  # noqa: E402
from llm_guard.input_scanners.anonymize_helpers import analyzer, regex_patterns  # noqa: E402
from presidio_analyzer.context_aware_enhancers import LemmaContextAwareEnhancer  # noqa: E402
from words import Words  # noqa: E402

THRESHOLD = 0.5
"""The default of `Anonymize`."""


def anonymizer() -> AnalyzerEngine:
    """The analyzer of `Anonymize`, without its model."""
    analyzer._add_recognizers(REGISTRY, regex_patterns.get_regex_patterns(), [], ["en"])
    REGISTRY.remove_recognizer("SpacyRecognizer")
    enhancer = LemmaContextAwareEnhancer(context_similarity_factor=0.35, min_score_with_context_similarity=0.4)
    return AnalyzerEngine(nlp_engine=Words(), registry=REGISTRY, supported_languages=["en"], context_aware_enhancer=enhancer)


def personal(engine: AnalyzerEngine, text: str) -> list[list[object]]:
    """What `Anonymize` would take out."""
    kinds = anonymize.DEFAULT_ENTITY_TYPES.copy()
    plain = anonymize.Anonymize.remove_single_quotes(text)
    found = engine.analyze(plain, language="en", entities=kinds, score_threshold=THRESHOLD)
    return [[each.entity_type, each.start, each.end, each.score] for each in found]


def credentials(text: str, path: Path) -> list[list[object]]:
    """What `Secrets` would take out: it looks the value up in the text."""
    path.write_text(text, encoding="utf-8", errors="replace")
    collection = SecretsCollection()
    collection.scan_file(str(path))
    values = [(each.type, each.secret_value) for file in collection.files for each in collection[file] if each.secret_value]
    return [[kind, max(text.find(value), 0), max(text.find(value), 0) + len(value), 1.0] for kind, value in values]


def main() -> None:
    """Read rows, write findings."""
    logging.disable(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    engine = anonymizer()
    settings = secrets._default_detect_secrets_config
    with tempfile.TemporaryDirectory() as folder, transient_settings(settings):
        path = Path(folder) / "text"
        start = time.process_time()
        for line in sys.stdin:
            row = json.loads(line)
            findings = personal(engine, row["text"]) + credentials(row["text"], path)
            print(json.dumps({"id": row["id"], "findings": findings}))
        print(json.dumps({"cpu": time.process_time() - start}))


if __name__ == "__main__":
    main()
