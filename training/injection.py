"""`python -m training.injection FOLDER`: train the injection classifier and write its weights.

With `--measure` the weights stay as they are, and what docs/model-cards.md states is measured anew. FOLDER holds the
labelled sets `injection.jsonl`, `benign.jsonl`, `pii.jsonl` and `secrets.jsonl.gz`; no text of them is written anywhere.
"""

import argparse
import re
from array import array
from collections.abc import Sequence
from hashlib import sha256
from itertools import chain
from pathlib import Path
from zlib import compress

import msgspec

from sluicegate.dlp.classifier import VERSION, Header, Ideas, Model
from sluicegate.dlp.injection import WEIGHTS, WORDS
from training.bags import IDEA, MOST, WORD, Trained, bags, train
from training.measure import CROSSED, crossed, report, thresholds
from training.texts import ATTACKS, HARMLESS, Text, grammar, hidden, labelled, own

TIMES = 12
"""Texts that each template of the grammar makes."""


def main() -> None:
    """Train, or measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--measure", action="store_true")
    given = parser.parse_args()
    ideas = Ideas(WORDS.read_bytes())
    texts = training_texts(given.folder, ideas)
    if given.measure:
        report(texts, ideas, Model(ideas, WEIGHTS.read_bytes()))
        return
    every = bags(texts, ideas)
    likely, certain = thresholds(crossed(every, bags(own("heldout_harmless", attack=False), ideas), ideas))
    print(f"from {CROSSED} folds: likely from {likely:.4f} on, certain from {certain:.4f} on")
    content = pack(train(every, ideas), ideas, texts, (likely, certain))
    WEIGHTS.write_bytes(content)
    print(f"{WEIGHTS}: {len(content)} bytes, SHA-256 {sha256(content).hexdigest()}")


def training_texts(folder: Path, ideas: Ideas) -> list[Text]:
    """All that is trained from, in one order."""
    written = [text for name in ATTACKS for text in own(name, attack=True)]
    harmless = [text for name in HARMLESS for text in own(name, attack=False)]
    words = [word for idea in ideas.ideas for word in idea.words if re.fullmatch(r"[a-z][a-z' -]{3,}", word)]
    made = list(grammar(words, TIMES))
    sets = list(labelled(folder))
    carriers = [text.text for text in harmless if text.source == "own carriers"]
    carriers += [text.text[:1500] for text in sets if text.type in ("docs", "code", "response")]
    inside = [
        text for text in [*written, *made] if text.attack and text.type in ("tool", "html", "document", "resume", "override")
    ]
    return [*sets, *written, *harmless, *made, *hidden(inside[::3], carriers)]


def pack(trained: Trained, ideas: Ideas, texts: Sequence[Text], thresholds: tuple[float, float]) -> bytes:
    """The content of a weights file."""
    linear = trained.linear
    idea_unit, word_unit = max(map(abs, linear.ideas)) / 32767, max(map(abs, linear.words)) / 127
    header = Header(
        version=VERSION,
        words=ideas.digest,
        trained_from=sha256(
            "\0".join(chain.from_iterable((text.text, str(text.attack)) for text in texts)).encode()
        ).hexdigest()[:16],
        bias=round(linear.bias, 6),
        idea_unit=IDEA * idea_unit,
        word_unit=WORD * word_unit,
        most=MOST,
        likely=round(thresholds[0], 4),
        certain=round(thresholds[1], 4),
    )
    by_ideas = array("h", (round(each / idea_unit) for each in linear.ideas))
    by_words = array("b", (round(each / word_unit) for each in linear.words))
    return msgspec.json.encode(header) + b"\n" + compress(by_ideas.tobytes() + by_words.tobytes(), 9)


if __name__ == "__main__":
    main()
