"""Checksums of numbers that python-stdnum has no module for. Each takes a match, separators and all; says if it holds."""

from binascii import crc_hqx
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from stdnum import luhn
from stdnum.au import abn
from stdnum.jp import cn

Check = Callable[[str], bool]

BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
RIPPLE = "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz"
BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BECH32_CONSTANTS = (1, 0x2BC830A3)
"""What the checksum of bech32 (BIP 173) and of bech32m (BIP 350) comes to."""
_BECH32_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_BASE32 = {char: value for value, char in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")}
_NHI = "ABCDEFGHJKLMNPQRSTUVWXYZ"
_ST = "JZIHGFEDCBA"
"""The letters of the series S and T of Singapore."""
_NETMASK_FIRST = 224
"""From here on a first octet is of multicast, reserved and mask numbers, never of a host."""


def _digits(text: str) -> list[int]:
    return [int(char) for char in text if char.isdigit()]


def _alphanumeric(text: str) -> str:
    return "".join(char for char in text if char.isalnum()).upper()


def _weighed(digits: Sequence[int], weights: Sequence[int]) -> int:
    return sum(digit * weight for digit, weight in zip(digits, weights, strict=False))


def _number(text: str) -> str:
    return "".join(char for char in text if char.isdigit())


def luhn_number(text: str) -> bool:
    """The Luhn digit, whatever separates the digits."""
    return bool(luhn.is_valid(_number(text)))


def us_npi(text: str) -> bool:
    """National provider identifier (45 CFR 162.406): 10 digits, Luhn with the prefix 80840."""
    number = _number(text)
    return len(number) == 10 and bool(luhn.is_valid(f"80840{number}"))


def us_dea(text: str) -> bool:
    """Drug Enforcement Administration registration: the last digit of a weighed sum of the six before it."""
    digits = _digits(text)[-7:]
    return len(digits) == 7 and _weighed(digits, (1, 2, 1, 2, 1, 2)) % 10 == digits[6]


def mx_clabe(text: str) -> bool:
    """Clave bancaria estandarizada: 18 digits, weights 3, 7, 1, each product modulo 10."""
    digits = _digits(text)
    total = sum(digit * weight % 10 for digit, weight in zip(digits[:17], (3, 7, 1) * 6, strict=False))
    return len(digits) == 18 and -total % 10 == digits[17]


def br_cns(text: str) -> bool:
    """Cartão nacional de saúde: 15 digits, weights 15 down to 1, modulo 11."""
    digits = _digits(text)
    return len(digits) == 15 and _weighed(digits, range(15, 0, -1)) % 11 == 0


def br_pis(text: str) -> bool:
    """PIS, PASEP and NIT: 11 digits, modulo 11."""
    digits = _digits(text)
    rest = -_weighed(digits, (3, 2, 9, 8, 7, 6, 5, 4, 3, 2)) % 11
    return len(digits) == 11 and len(set(digits)) > 1 and rest % 10 == digits[10]


def br_cnh(text: str) -> bool:
    """Carteira nacional de habilitação: 11 digits, the last two modulo 11."""
    digits = _digits(text)
    if len(digits) != 11 or len(set(digits)) == 1:
        return False
    first = _weighed(digits, range(9, 0, -1)) % 11
    second = _weighed(digits, range(1, 10)) % 11 - (2 if first >= 10 else 0)
    return digits[9] == (0 if first >= 10 else first) and digits[10] == (0 if second >= 10 else second % 11)


def au_abn(text: str) -> bool:
    """Australian business number, with or without the country before it."""
    return bool(abn.is_valid(_number(text)))


def jp_corporate(text: str) -> bool:
    """Corporate number of Japan, with or without the T of a registered issuer of invoices."""
    return bool(cn.is_valid(_number(text)))


def au_medicare(text: str) -> bool:
    """Medicare card: 10 digits and perhaps the person's on it; the ninth is a weighed sum modulo 10."""
    digits = _digits(text)
    return len(digits) in (10, 11) and _weighed(digits[:8], (1, 3, 7, 9, 1, 3, 7, 9)) % 10 == digits[8]


def nz_nhi(text: str) -> bool:
    """National health index (HISO 10046): AAANNNC modulo 11; AAANNAC with a letter, modulo 24 and since revised 23."""
    code = _alphanumeric(text)
    if len(code) != 7 or any(char.isalpha() and char not in _NHI for char in code):
        return False
    values = [int(char) if char.isdigit() else _NHI.index(char) + 1 for char in code]
    total = _weighed(values, range(7, 1, -1))
    if code[6].isalpha():
        return values[6] in (23 - total % 23, 24 - total % 24)
    return total % 11 != 0 and (11 - total % 11) % 10 == values[6]


def sg_nric(text: str) -> bool:
    """NRIC and FIN: the letter follows from the series and the seven weighed digits."""
    code = text.upper()
    rest = _weighed(_digits(code), (2, 7, 6, 5, 4, 3, 2)) + {"T": 4, "G": 4, "M": 3}.get(code[0], 0)
    return {"S": _ST, "T": _ST, "M": "XWUTRQPNJLK"}.get(code[0], "XWUTRQPNMLK")[rest % 11] == code[-1]


def hk_id(text: str) -> bool:
    """Hong Kong identity card: one or two letters, six digits, and a digit or A, modulo 11."""
    code = _alphanumeric(text)
    values = [int(char, 36) for char in code]
    weighed = _weighed([36] * (9 - len(values)) + values, range(9, 0, -1))
    return len(code) in (8, 9) and weighed % 11 == 0


def tw_id(text: str) -> bool:
    """National identification card of Taiwan: a letter for the place, and nine digits, modulo 10."""
    code = _alphanumeric(text)
    place = "ABCDEFGHJKLMNPQRSTUVXYWZIO".find(code[:1]) + 10
    digits = [place // 10, place % 10, *_digits(code[1:])]
    return len(digits) == 11 and _weighed(digits, (1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1)) % 10 == 0


def kr_business(text: str) -> bool:
    """Business registration of Korea: weights 1, 3, 7, and the tens of the ninth digit's product, modulo 10."""
    digits = _digits(text)
    total = _weighed(digits[:9], (1, 3, 7, 1, 3, 7, 1, 3, 5)) + digits[8] * 5 // 10
    return len(digits) == 10 and -total % 10 == digits[9]


def public_ipv4(text: str) -> bool:
    """An address that a host on the internet can have, and that is not a version such as 1.2.3.4."""
    address = IPv4Address(text)
    host = address.is_global and not address.is_multicast and int(text.partition(".")[0]) < _NETMASK_FIRST
    return host and any(len(octet) > 1 for octet in text.split("."))


def ipv6(text: str) -> bool:
    """RFC 4291, with an IPv4 tail, zone or prefix length."""
    try:
        IPv6Address(text.partition("/")[0])
    except AddressValueError:
        return False
    return True


def hosts_ipv6(text: str) -> bool:
    """An address of a host: written out, or of unicast space and unlike a slice (`1::2`) in code."""
    bare = text.partition("/")[0].partition("%")[0].lower()
    groups = [group for group in bare.split(":") if group]
    if len(groups) == 8:
        return ipv6(text)
    sure = len(groups) >= 3 or not bare.replace(":", "").isdigit()
    return sure and len(groups) > 1 and len(groups[0]) == 4 and groups[0][:2] in _UNICAST and ipv6(text)


_UNICAST = tuple(f"{first:x}" for first in (*range(0x20, 0x40), 0xFC, 0xFD, 0xFE))


def base58check(text: str, alphabet: str = BASE58) -> bool:
    """A version, a hash and four bytes of double SHA-256, in base 58."""
    value = 0
    for char in text:
        digit = alphabet.find(char)
        if digit < 0:
            return False
        value = value * 58 + digit
    zeros = len(text) - len(text.lstrip(alphabet[0]))
    data = bytes(zeros) + value.to_bytes((value.bit_length() + 7) // 8, "big")
    return len(data) in (25, 26, 27) and sha256(sha256(data[:-4]).digest()).digest()[:4] == data[-4:]


def ripple(text: str) -> bool:
    """An account of the XRP ledger: base58check in its own alphabet."""
    return base58check(text, RIPPLE)


def bech32(text: str) -> bool:
    """BIP 173 and BIP 350: letters of one case, and the checksum over prefix and data."""
    if text != text.lower() and text != text.upper():
        return False
    prefix, _, data = text.lower().rpartition("1")
    values = [BECH32.find(char) for char in data]
    if not prefix or len(values) < 6 or -1 in values:
        return False
    check = 1
    for value in (*(ord(char) >> 5 for char in prefix), 0, *(ord(char) & 31 for char in prefix), *values):
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, mask in enumerate(_BECH32_GENERATOR):
            if top >> bit & 1:
                check ^= mask
    return check in _BECH32_CONSTANTS


def stellar(text: str) -> bool:
    """A Stellar account (SEP 23): base32 of a version, a key and CRC-16."""
    value = 0
    for char in text:
        value = value << 5 | _BASE32[char]
    data = value.to_bytes(35, "big")
    return crc_hqx(data[:-2], 0) == int.from_bytes(data[-2:], "little")


CHECKSUMS: Mapping[str, Check] = {
    check.__name__: check
    for check in (
        luhn_number,
        us_npi,
        us_dea,
        mx_clabe,
        br_cns,
        br_pis,
        br_cnh,
        au_abn,
        au_medicare,
        jp_corporate,
        nz_nhi,
        sg_nric,
        hk_id,
        tw_id,
        kr_business,
        public_ipv4,
        ipv6,
        hosts_ipv6,
        base58check,
        ripple,
        bech32,
        stellar,
    )
}
"""The checksums that rules can name."""
