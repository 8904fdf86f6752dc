"""Checks of European numbers that python-stdnum has no module for, or that need more than one of its modules."""

from collections.abc import Callable, Mapping

from stdnum import iban, luhn
from stdnum.ch import uid
from stdnum.es import dni
from stdnum.fi import hetu
from stdnum.fr import siren, siret
from stdnum.pt import cc
from stdnum.se import personnummer

Check = Callable[[str], bool]

_NINO_UNUSED = ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ")
_SHIFT = 60
"""What a Swedish samordningsnummer adds to the day."""


def gb_nino(text: str) -> bool:
    """Not a prefix that is never given out as a National Insurance number."""
    return text[:2].upper() not in _NINO_UNUSED


def de_social_security(text: str) -> bool:
    """A pension insurance number: letters count from 01, and the digits of the weighed digits come to the last one."""
    code = text.replace(" ", "").upper()
    spelt = f"{code[:8]}{ord(code[8]) - 64:02d}{code[9:11]}"
    weighed = (int(digit) * weight for digit, weight in zip(spelt, (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1), strict=True))
    return sum(part // 10 + part % 10 for part in weighed) % 10 == int(code[11])


def fi_hetu(text: str) -> bool:
    """A personal identity code; the temporary ones too, which `stdnum.fi.hetu` refuses unless asked."""
    return hetu.is_valid(text, allow_temporary=True)


def es_dni(text: str) -> bool:
    """The letter of a DNI, whose digits may be grouped by dots."""
    return dni.is_valid(text.replace(".", ""))


def es_social_security(text: str) -> bool:
    """The two check digits of an affiliation number: province and number modulo 97."""
    code = "".join(char for char in text if char.isdigit())
    number = code[2:-2].lstrip("0").rjust(7, "0")
    return int(code[:2] + number) % 97 == int(code[-2:])


def pt_citizen_card(text: str) -> bool:
    """A Cartão de Cidadão whose version has letters."""
    return any(char.isalpha() for char in text) and cc.is_valid(text)


def pt_social_security(text: str) -> bool:
    """The check digit of a NISS: primes from 29 down, modulo 10."""
    weighed = (int(digit) * prime for digit, prime in zip(text, (29, 23, 19, 17, 13, 11, 7, 5, 3, 2), strict=False))
    return 9 - sum(weighed) % 10 == int(text[10])


def se_personal_number(text: str) -> bool:
    """A personnummer, or a samordningsnummer: the check digit is of what is written, the date of the real day."""
    number = personnummer.compact(text)
    day = int(number[-7:-5])
    if day <= _SHIFT:
        return personnummer.is_valid(number)
    digits = "".join(char for char in number if char.isdigit())
    month = int(number[-9:-7])
    return 1 <= month <= 12 and day - _SHIFT <= 31 and luhn.is_valid(digits[-10:])


def pl_identity_card(text: str) -> bool:
    """The check digit of a dowód osobisty: letters count from 10."""
    code = text.replace(" ", "")
    weighed = (int(char, 36) * weight for char, weight in zip(code, (7, 3, 1, 9, 7, 3, 1, 7, 3), strict=True))
    return sum(weighed) % 10 == 0


def pl_bank_account(text: str) -> bool:
    """An NRB is an IBAN without its country."""
    return iban.is_valid(f"PL{text}")


def ch_vat(text: str) -> bool:
    """A UID, with or without the tax it is followed by."""
    return uid.is_valid(uid.compact(text)[:12])


def fr_business(text: str) -> bool:
    """A SIREN or a SIRET."""
    return siren.is_valid(text) or siret.is_valid(text)


EUROPE: Mapping[str, Check] = {
    each.__name__: each
    for each in (
        *(ch_vat, de_social_security, es_dni, es_social_security, fi_hetu, fr_business, gb_nino),
        *(pl_bank_account, pl_identity_card, pt_citizen_card, pt_social_security, se_personal_number),
    )
}
"""The checks that rules can name."""
