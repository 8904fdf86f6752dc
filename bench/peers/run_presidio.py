"""Presidio's pattern recognisers of all countries, without a language model. See bench/detection_peers.py.

Those that are off by default are on, and each is asked as if for English, so that one pass asks them all.
"""

import inspect
import json
import logging
import sys
import time

from presidio_analyzer import AnalyzerEngine, PatternRecognizer, RecognizerRegistry, predefined_recognizers
from presidio_analyzer.predefined_recognizers import PhoneRecognizer
from words import Words


def analyzer() -> AnalyzerEngine:
    """Every recogniser that works by a pattern, and the one for phone numbers, which works by their library."""
    registry = RecognizerRegistry(recognizers=[])
    for _, recogniser in sorted(inspect.getmembers(predefined_recognizers, inspect.isclass)):
        if issubclass(recogniser, PatternRecognizer) or recogniser is PhoneRecognizer:
            registry.add_recognizer(recogniser(supported_language="en"))
    return AnalyzerEngine(registry=registry, nlp_engine=Words(), supported_languages=["en"])


def main() -> None:
    """Read rows, write findings; all of them, with their scores."""
    logging.disable(logging.CRITICAL)
    engine = analyzer()
    start = time.process_time()
    for line in sys.stdin:
        row = json.loads(line)
        found = engine.analyze(row["text"], language="en")
        findings = [[each.entity_type, each.start, each.end, each.score] for each in found]
        print(json.dumps({"id": row["id"], "findings": findings}))
    print(json.dumps({"cpu": time.process_time() - start}))


if __name__ == "__main__":
    main()
