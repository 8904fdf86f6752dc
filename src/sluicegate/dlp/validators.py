"""What a pattern cannot say: checksums, and numbers that were never given out. Each takes a match and says if it holds."""

import re
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, cast

from stdnum import iban as standard_iban
from stdnum import isbn
from stdnum.us import ssn

from sluicegate.dlp.assignments import ASSIGNMENTS
from sluicegate.dlp.checksums import CHECKSUMS
from sluicegate.dlp.checksums_europe import EUROPE

Validator = Callable[[str], bool]


class UnknownValidator(ValueError):
    """No validator is called that; the message says which there are."""


_DATED = re.compile(r"(?:19|20)[0-9]{2}[ /.-]{1,3}(?:(?:19|20)[0-9]{2}|[01]?[0-9][ /.-][0-3]?[0-9])(?![0-9])").match
_IN_A_ROW = "01234567890123456789"
_SUFFIXES = frozenset(["png", "jpg", "jpeg", "gif", "svg", "webp", "js", "css", "html", "py", "go", "service", "target"])
_LETTERS = str.maketrans({chr(ord("A") + index): str(10 + index) for index in range(26)})
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1 annex B; in half the time of python-stdnum's, since long numbers are what texts are full of."""
    total = 0
    for index, digit in enumerate(reversed(digits)):
        total += _DOUBLED[int(digit)] if index % 2 else int(digit)
    return total % 10 == 0


def card(text: str) -> bool:
    """A payment card: a known issuer's prefix, its length, and the Luhn digit."""
    digits = text.replace(" ", "").replace("-", "")
    return len(digits) in _card_lengths(digits) and len(set(digits)) > 1 and luhn(digits)


def _card_lengths(digits: str) -> tuple[int, ...]:
    two, three, four = int(digits[:2]), int(digits[:3]), int(digits[:4])
    if two in (34, 37) or four in (1800, 2131):
        return (15,)
    if digits[0] == "4":
        return (13, 16, 19)
    if 51 <= two <= 55 or 2221 <= four <= 2720 or 2200 <= four <= 2204 or four == 5019:
        return (16,)
    if four == 6011 or two == 65 or 644 <= three <= 649 or two in (60, 62) or two == 81 or 3528 <= four <= 3589:
        return (16, 17, 18, 19)
    if 300 <= three <= 305 or three == 309 or two in (36, 38, 39):
        return (14, 16, 19)
    if four in (5018, 5020, 5038, 5893, 6304, 6759, 6761, 6762, 6763):
        return (12, 13, 14, 15, 16, 17, 18, 19)
    return ()


def iban(text: str) -> bool:
    """ISO 13616, by python-stdnum; its ISO 7064 check digits first, told in a tenth of the time."""
    plain = text.replace(" ", "").upper()
    return int((plain[4:] + plain[:4]).translate(_LETTERS)) % 97 == 1 and standard_iban.is_valid(text)


def us_ssn(text: str) -> bool:
    """Not an area, group or serial that the Social Security Administration never gave out, nor nine digits alike."""
    return len(set(text)) > 2 and ssn.is_valid(text.replace(" ", "-"))


def phone_national(text: str) -> bool:
    """7 to 13 digits, not all alike, that are neither two years nor a date. No plan is asked: the country is not known."""
    digits = "".join(char for char in text if char.isdigit())
    return 7 <= len(digits) <= 13 and len(set(digits)) > 2 and _DATED(text) is None


def phone_trunk(text: str) -> bool:
    """A national number with its trunk 0 and no words about it: neither an ISBN nor digits in a row."""
    digits = "".join(char for char in text if char.isdigit())
    return len(set(digits)) > 3 and digits not in _IN_A_ROW and not isbn.is_valid(digits)


def phone_nanp(text: str) -> bool:
    """North American numbering plan: area code [2-9]XX and not N11, then 7 digits that do not begin with 0 (nor, if given
    out, with 1, as people's inventions do).
    """
    digits = "".join(char for char in text.partition("x")[0] if char.isdigit())[-10:]
    return digits[1:3] != "11" and digits[3] != "0" and len(set(digits)) > 2


def phone_of(jurisdiction: str) -> Validator:
    """A telephone number of a length the numbering plans know: with `+` of any country, else as dialled in `jurisdiction`.

    Not only numbers from ranges that are given out: prompts hold invented ones, which are meant to be taken for real.
    """
    import phonenumbers  # the plans are large: for those who have such a rule

    region = jurisdiction if jurisdiction in phonenumbers.SUPPORTED_REGIONS else None

    def phone(text: str) -> bool:
        if len(set(text)) < 4:
            return False
        try:
            return phonenumbers.is_possible_number(phonenumbers.parse(text, region))
        except phonenumbers.NumberParseException:
            return False

    return phone


def email(text: str) -> bool:
    """RFC 5321 sizes and dots, and an end that is no file suffix (`logo@2x.png`)."""
    local, _, domain = text.rpartition("@")
    if len(local) > 64 or len(domain) > 253 or local[0] == "." or local[-1] == "." or ".." in text:
        return False
    labels = domain.lower().split(".")
    if any(not label or label[0] == "-" or label[-1] == "-" for label in labels):
        return False
    return labels[-1] not in _SUFFIXES


def digits(text: str) -> bool:
    """At least four digits, as numbers of documents have and words have not."""
    return sum(char.isdigit() for char in text) >= 4


def digits_seven(text: str) -> bool:
    """At least seven digits, not all alike, and no date."""
    found = [char for char in text if char.isdigit()]
    return len(found) >= 7 and len(set(found)) > 2 and _DATED(text) is None


def mixed(text: str) -> bool:
    """Letters of both cases and digits, as random keys have and words, paths and hexadecimal digests have not."""
    return (
        any(char.islower() for char in text)
        and any(char.isupper() for char in text)
        and any(char.isdigit() for char in text)
        and len(set(text)) >= min(16, len(text) // 2)
    )


def varied(text: str) -> bool:
    """Not made up: of the last twenty characters at least seven differ, and no run of x or * stands for the rest."""
    tail = text[-20:]
    return len(set(tail)) >= 7 and "xxxx" not in tail.lower() and "****" not in tail


VALIDATORS: Mapping[str, Validator] = {
    **{
        each.__name__: each
        for each in (card, iban, us_ssn, phone_national, phone_nanp, phone_trunk, email, mixed, varied, digits, digits_seven)
    },
    **CHECKSUMS,
    **EUROPE,
    **ASSIGNMENTS,
}
"""The validators that rules can name."""


def validator_of(name: str, jurisdiction: str = "INT") -> Validator:
    """The validator a rule of `jurisdiction` names: one of VALIDATORS, `phone`, or `stdnum.` and a module of python-stdnum.

    Modules are imported when the first rule names them. Raises UnknownValidator.
    """
    if name == "phone":
        return phone_of(jurisdiction)
    if name.startswith("stdnum."):
        return _standard(name)
    if name not in VALIDATORS:
        names = ", ".join(sorted(["phone", *VALIDATORS]))
        raise UnknownValidator(f"no validator is called {name}; there are {names}, and stdnum.<module>")
    return VALIDATORS[name]


def _standard(name: str) -> Validator:
    """`is_valid` of a module of python-stdnum."""
    path = name.split(".")
    found: Any = None
    if all(part.isidentifier() and not part.startswith("__") for part in path):
        try:
            found = getattr(import_module(name), "is_valid", None)
        except ModuleNotFoundError:
            found = None
    if not callable(found):
        raise UnknownValidator(f"python-stdnum has no module {name} with a check of its own")
    return cast(Validator, found)
