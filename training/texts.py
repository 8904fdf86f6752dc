"""The texts classifiers are trained from: those of this project (`training/texts/`), and labelled sets."""

import gzip
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec

HERE = Path(__file__).parent / "texts"
ATTACKS = ("attacks_en", "attacks_indirect", "attacks_more")
HARMLESS = ("harmless_en", "harmless_more", "carriers", "ordinary")
_SLOT = re.compile(r"(?<!\{)\{(\w+)\}(?!\})")
_TEMPLATE = re.compile(r"([+-]) (?:(\d+) )?(\w+): (.*)")
DEPTH = 6
"""How often slots within what fills slots are filled."""


class Text(msgspec.Struct, frozen=True):
    """A labelled text: whether it is an attack, its kind or type, and what it came from."""

    text: str
    attack: bool
    type: str
    source: str
    language: str = ""


def own(name: str, *, attack: bool) -> Iterator[Text]:
    """The texts of the file `name`: language, type and text in each line."""
    for line in (HERE / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            language, type_, text = line.split("|", 2)
            yield Text(text.replace("\\n", "\n"), attack, type_, f"own {name}", language)


def rows(path: Path) -> Iterator[Mapping[str, Any]]:
    """The rows of a JSONL file, which may be compressed."""
    content = path.read_bytes()
    for line in (gzip.decompress(content) if path.suffix == ".gz" else content).splitlines():
        yield json.loads(line)


def labelled(folder: Path) -> Iterator[Text]:
    """The rows of the labelled sets in `folder`; all but the attacks of `injection.jsonl` are harmless."""
    for row in rows(folder / "injection.jsonl"):
        yield Text(row["text"], row["label"] == "positive", row["type"], family(row["type"], row["label"]))
    for row in rows(folder / "benign.jsonl"):
        yield Text(row["text"], False, row["kind"], f"benign {row['kind']}")
    for name in ("pii.jsonl", "secrets.jsonl.gz"):
        for row in rows(folder / name):
            yield Text(row["text"], False, name.split(".")[0], name.split(".")[0])


def family(type_: str, label: str = "positive") -> str:
    """Sources that hold the same texts in other words, left out of training together when one is measured."""
    if label == "negative":
        return "benign beside attacks"
    beginnings = {
        "indirect": "latent injection",
        "jailbreak_PAIR": "PAIR",
        "jailbreak_GCG": "suffixes",
        "jailbreak_DSN": "suffixes",
        "jailbreak_prompt_with_random": "suffixes",
        "llmguard": "LLM Guard's tests",
        "extraction": "prompt extraction",
        "giskard_hijacking": "hijacking",
        "jailbreak_theme": "hijacking",
        "jailbreak_tap": "TAP",
    }
    return next((name for beginning, name in beginnings.items() if type_.startswith(beginning)), "jailbreaks in the wild")


class Dice:
    """Picks, always in the same way for the same seed."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._thrown = 0

    def pick(self, among: Sequence[str]) -> str:
        """One of them."""
        self._thrown += 1
        return among[crc32(f"{self._seed}:{self._thrown}".encode()) % len(among)]


def grammar(words: Sequence[str], times: int) -> Iterator[Text]:
    """Texts made by the templates of `grammar.txt`, each `times` times its own factor; `words` fill the slot `word`."""
    slots, templates = _read_grammar()
    slots["word"] = list(words)
    for number, (sign, factor, type_, template) in enumerate(templates):
        dice = Dice(f"grammar {number}")
        for _ in range(times * factor):
            yield Text(_fill(template, slots, dice), sign == "+", type_, "own grammar", "en")


def _read_grammar() -> tuple[dict[str, list[str]], list[tuple[str, int, str, str]]]:
    slots: dict[str, list[str]] = {}
    templates = []
    for line in (HERE / "grammar.txt").read_text(encoding="utf-8").splitlines():
        if match := _TEMPLATE.fullmatch(line):
            templates.append((match[1], int(match[2] or 1), match[3], match[4]))
        elif line and not line.startswith("#"):
            name, _, options = line.partition(" = ")
            slots[name] = options.split(" | ")
    for name, topic in (("frameharm", "harm"), ("framebenign", "benign")):
        slots[name] = [frame.replace("{X}", f"{{{topic}}}") for frame in slots["frame1"]]
    return slots, templates


def _fill(template: str, slots: Mapping[str, Sequence[str]], dice: Dice) -> str:
    for _ in range(DEPTH):
        filled = _SLOT.sub(lambda found: dice.pick(slots[found[1]]) if found[1] in slots else found[0], template)
        if filled == template:
            break
        template = filled
    return template.replace("{{", "{").replace("}}", "}").replace("\\n", "\n")


def hidden(attacks: Sequence[Text], carriers: Sequence[str]) -> Iterator[Text]:
    """Each of the attacks, somewhere in one of the carriers."""
    dice = Dice("hidden")
    for attack in attacks:
        carrier = dice.pick(carriers)
        places = [0, len(carrier), carrier.find("\n") + 1, carrier.find(". ") + 2]
        at = int(dice.pick([str(place) for place in places]))
        yield Text(f"{carrier[:at]}\n{attack.text}\n{carrier[at:]}", True, attack.type, "own hidden", attack.language)
