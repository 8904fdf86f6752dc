"""What the kinds of the sets, of our rules and of the peers have to do with one another: the one table that scoring uses.

Sets and Presidio (LLM Guard uses it) name kinds alike: a name of its own, or a country before it (`UK_NINO`). `accepts` are
the kinds of our rules that count as finding such a row. A peer's finding means the kinds that its name accepts, so a peer
that finds a number under another country's name is given the same leave as we are.
"""

from functools import cache
from typing import NamedTuple

CREDENTIALS = {"credential", "private_key"}
INJECTION = {"injection", "prompt_injection", "jailbreak"}
_IDS = {"national_id", "tax_id", "ssn"}
PERSONAL = {
    *("card", "iban", "email", "phone", "crypto_wallet", "device_id", "ip_address", "mac_address", "passport"),
    *("driving_licence", "health_id", "medical_licence", "bank_account", "vat", "licence_plate", "business_id"),
    *("date_of_birth", "address", *_IDS),
}
"""What counts as personal data in a text that should hold none. Dates, post codes, addresses of pages and UUIDs do not."""


class Kind(NamedTuple):
    """A kind of personal data."""

    name: str
    accepts: set[str]
    names: tuple[str, ...]
    """What sets and peers call it: the whole name, or what it ends with after a country."""
    structured: bool = True
    means: set[str] | None = None
    """What a peer's finding of this name means, where that is less than it accepts."""


KINDS = (
    Kind("card", {"card"}, ("CREDIT_CARD", "CREDIT_CARD_RE")),
    Kind("iban", {"iban"}, ("IBAN_CODE", "IBAN")),
    Kind("email", {"email"}, ("EMAIL_ADDRESS", "EMAIL_ADDRESS_RE", "EMAIL")),
    Kind("ssn", {"ssn", "tax_id"}, ("US_SSN", "US_SSN_RE", "SSN")),
    Kind(
        "phone",
        {"phone"},
        (
            *("PHONE_NUMBER", "MOBILE_NUMBER", "TELEPHONE_NUMBER", "PHONE_NUMBER_WITH_EXT", "PHONE_NUMBER_ZH"),
            *("PHONE", "MOBILE_PHONE", "LANDLINE"),
        ),
    ),
    Kind("crypto_wallet", {"crypto_wallet"}, ("CRYPTO", "BTC_ADDRESS")),
    Kind("device_id", {"device_id"}, ("IMEI",)),
    Kind("ip_address", {"ip_address"}, ("IP_ADDRESS", "IP", "Public IP (ipv4)")),
    Kind("mac_address", {"mac_address"}, ("MAC_ADDRESS", "MAC")),
    Kind("passport", {"passport"}, ("PASSPORT", "PASSPORT_NUMBER")),
    Kind("driving_licence", {"driving_licence"}, ("DRIVER_LICENSE", "DRIVING_LICENCE", "DRIVING_LICENSE", "FUEHRERSCHEIN")),
    Kind(
        "health_id",
        {"health_id", "medical_licence"},
        (
            *("HEALTH_INSURANCE", "HEALTH_INSURANCE_MEMBER_ID", "NHS", "MBI", "MEDICARE", "CLAIM_NUMBER"),
            *("PRIOR_AUTHORIZATION_NUMBER", "PRESCRIPTION_NUMBER", "REFERRAL_NUMBER", "HEALTH_ID", "NHI", "KVNR"),
        ),
    ),
    Kind("medical_licence", {"health_id", "medical_licence"}, ("BSNR", "LANR", "NPI", "MEDICAL_LICENSE", "DEA")),
    Kind("bank_account", {"bank_account"}, ("BANK_NUMBER", "ROUTING_NUMBER", "BANK_ACCOUNT", "SORT_CODE", "IFSC", "CLABE")),
    Kind("vat", {"vat", "tax_id", "business_id"}, ("VAT_ID", "VAT_CODE", "VAT_NUMBER", "VAT")),
    Kind(
        "licence_plate",
        {"licence_plate"},
        ("VEHICLE_REGISTRATION", "LICENSE_PLATE", "LICENCE_PLATE", "KFZ"),
    ),
    Kind(
        "business_id",
        {"business_id", "tax_id", "vat"},
        (
            *("ABN", "ACN", "BRN", "GSTIN", "HANDELSREGISTER", "ORGANISATIONSNUMMER", "UEN", "COMPANY_REGISTRATION"),
            *("CNPJ", "EIN", "SIREN", "SIRET", "BUSINESS_ID"),
        ),
    ),
    Kind(
        "national_id",
        _IDS,
        (
            *("NATIONAL_ID", "ID_NUMBER", "ID_CARD", "IDENTITY_CARD", "PERSONAL_IDENTITY_CODE", "PERSONNUMMER", "PESEL"),
            *("NINO", "NIN", "NRIC_FIN", "NIE", "NIF", "FRN", "RRN", "TNIN", "SOCIAL_SECURITY", "AADHAAR", "VOTER", "UMID"),
            *("TAX_ID", "TAX_NUMBER", "INCOME_TAX_NUMBER", "TRAFFIC_REGISTER_NUMBER", "FISCAL_CODE", "ITIN", "TIN", "TFN"),
            *("PAN", "SIN", "CPF", "CURP", "RFC", "BSN", "CPR", "DNI", "MY_NUMBER", "AHV", "SVNR", "PPS", "HKID"),
        ),
    ),
    Kind("date_of_birth", {"date_of_birth"}, ("DATE_OF_BIRTH", "DOB")),
    Kind("date", {"date_of_birth", "date"}, ("DATE_TIME", "DATE", "DATE_RE"), structured=False, means={"date"}),
    Kind("address", {"address"}, ("ADDRESS", "STREET_ADDRESS", "LOCATION", "PO_BOX_RE"), structured=False),
    Kind(
        "postcode",
        {"postcode", "address"},
        ("ZIP_CODE", "POSTCODE", "POSTAL_CODE", "PLZ"),
        structured=False,
        means={"postcode"},
    ),
    Kind("person", {"person"}, ("PERSON", "NAME"), structured=False),
    Kind("url", {"url"}, ("URL", "URL_RE", "DOMAIN_NAME"), structured=False),
    Kind("uuid", {"uuid"}, ("UUID",), structured=False),
    Kind("any", PERSONAL, ("ANY", "STRUCTURED_ANY")),
)

_HEADS = {"UK": "GB", "ABA": "US", "MEDICAL": "US", "IP": "INT", "ID": "INT"}
"""Beginnings of names that look like a country's code and are not, or are one in disguise."""


@cache
def kind_of(name: str) -> Kind | None:
    """The kind that sets and peers call `name`; the longest name that fits. None for one that nobody here looks for."""
    best: tuple[int, Kind] | None = None
    for kind in KINDS:
        for known in kind.names:
            if (name == known or name.endswith(f"_{known}")) and (best is None or len(known) > best[0]):
                best = len(known), kind
    return best[1] if best else None


def country_of(name: str, region: str = "") -> str:
    """The country (ISO 3166-1 alpha-2) of a row: of its region (`pt-BR`, `NZ`), else of its kind (`UK_NINO`), else INT."""
    code = region.rpartition("-")[2]
    if len(code) == 2 and code.isupper():
        return _HEADS.get(code, code) if code == "UK" else code
    head, _, rest = name.partition("_")
    if not rest:
        return "INT"
    return _HEADS.get(head) or (head if len(head) == 2 and head.isupper() else "INT")


@cache
def meant(system: str, name: str) -> frozenset[str]:
    """The kinds that a finding called `name` by `system` means."""
    if system == OURS:
        return frozenset({name})
    kind = kind_of(name)
    if kind is not None:
        return frozenset(kind.accepts if kind.means is None else kind.means)
    return frozenset(CREDENTIALS) if system in SECRET_SCANNERS else frozenset()


OURS = "sluicegate"
SECRET_SCANNERS = {"detect-secrets", "LLM Guard"}
"""Whose names that are no personal data's are those of credentials."""
LOOKS_FOR: dict[str, tuple[str, ...]] = {
    OURS: ("credential", "personal", "injection", "ordinary"),
    "detect-secrets": ("credential", "ordinary"),
    "Presidio": ("personal", "ordinary"),
    "Presidio ≥ 0.4": ("personal", "ordinary"),
    "LLM Guard": ("credential", "personal", "ordinary"),
}
"""What each system is scored on."""
