"""What a pattern cannot say: checksums, and numbers that were never given out. Each takes a match and says if it holds."""

from collections.abc import Callable, Mapping

Validator = Callable[[str], bool]

_LENGTHS = """
AD:24 AE:23 AL:28 AT:20 AZ:28 BA:20 BE:16 BG:22 BH:22 BI:27 BR:29 BY:28 CH:21 CR:22 CY:28 CZ:24
DE:22 DJ:27 DK:18 DO:28 EE:20 EG:29 ES:24 FI:18 FK:18 FO:18 FR:27 GB:22 GE:22 GI:23 GL:18 GR:27
GT:28 HN:28 HR:21 HU:28 IE:22 IL:23 IQ:23 IS:26 IT:27 JO:30 KW:30 KZ:20 LB:28 LC:32 LI:21 LT:20
LU:20 LV:21 LY:25 MC:27 MD:24 ME:22 MK:19 MN:20 MR:27 MT:31 MU:30 NI:28 NL:18 NO:15 OM:23 PK:24
PL:28 PS:29 PT:25 QA:29 RO:24 RS:22 RU:33 SA:24 SC:31 SD:18 SE:24 SI:19 SK:24 SM:27 SO:23 ST:25
SV:28 TL:23 TN:24 TR:26 UA:29 VA:22 VG:24 XK:20 YE:30
"""
IBAN_LENGTHS: Mapping[str, int] = {pair[:2]: int(pair[3:]) for pair in _LENGTHS.split()}
"""Characters of an IBAN per country, SWIFT IBAN registry."""

_IBAN_LETTERS_BANK = frozenset(("BG", "GB", "GI", "IE", "IQ", "LV", "MT", "NL", "PK", "QA", "RO"))
"""Countries whose bank code, the four characters after the check digits, is letters."""
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1 annex B."""
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
    """ISO 13616: the country's length, and MOD 97-10 equal to 1."""
    code = text.replace(" ", "").upper()
    country = code[:2]
    if IBAN_LENGTHS.get(country) != len(code) or (country in _IBAN_LETTERS_BANK and not code[4:8].isalpha()):
        return False
    return int("".join(str(int(char, 36)) for char in code[4:] + code[:4])) % 97 == 1


def us_ssn(text: str) -> bool:
    """Not an area (000, 666, 900 and up), group or serial that the Social Security Administration never gave out."""
    digits = text.replace("-", "").replace(" ", "")
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    if area in ("000", "666") or area[0] == "9" or group == "00" or serial == "0000":
        return False
    return digits not in ("078051120", "219099999") and len(set(digits)) > 1


def phone_international(text: str) -> bool:
    """ITU-T E.164: `+` and 7 to 15 digits, not beginning with 0."""
    digits = [char for char in text.partition("x")[0] if char.isdigit()]
    return 7 <= len(digits) <= 15 and digits[0] != "0" and len(set(digits)) > 2


def phone_national(text: str) -> bool:
    """7 to 13 digits, not all alike."""
    digits = [char for char in text if char.isdigit()]
    return 7 <= len(digits) <= 13 and len(set(digits)) > 2


def phone_nanp(text: str) -> bool:
    """North American numbering plan: area code [2-9]XX and not N11, then 7 digits."""
    digits = "".join(char for char in text.partition("x")[0] if char.isdigit())[-10:]
    return digits[1:3] != "11" and len(set(digits)) > 2


def email(text: str) -> bool:
    """RFC 5321 sizes and dots, and an end that is no file suffix (`logo@2x.png`)."""
    local, _, domain = text.rpartition("@")
    if len(local) > 64 or len(domain) > 253 or local[0] == "." or local[-1] == "." or ".." in text:
        return False
    labels = domain.lower().split(".")
    if any(not label or label[0] == "-" or label[-1] == "-" for label in labels):
        return False
    return labels[-1] not in (
        "png",
        "jpg",
        "jpeg",
        "gif",
        "svg",
        "webp",
        "js",
        "css",
        "html",
        "py",
        "go",
        "service",
        "target",
    )


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
    validator.__name__: validator
    for validator in (card, iban, us_ssn, phone_international, phone_national, phone_nanp, email, mixed, varied)
}
"""The validators that rules can name."""
