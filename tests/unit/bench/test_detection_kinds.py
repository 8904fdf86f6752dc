"""The table of kinds."""

import pytest

from bench.detection_kinds import CREDENTIALS, KINDS, LOOKS_FOR, OURS, PERSONAL, country_of, kind_of, meant
from sluicegate.dlp.packs import shipped


def test_every_kind_that_counts_is_one_that_our_rules_have() -> None:
    ours = {rule.kind for pack in shipped()[0] for rule in pack.rules}
    assert ours >= PERSONAL | CREDENTIALS


def test_no_name_stands_for_two_kinds() -> None:
    names = [name for kind in KINDS for name in kind.names]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("name", "kind", "country"),
    [
        ("CREDIT_CARD", "card", "INT"),
        ("UK_NINO", "national_id", "GB"),
        ("US_SSN", "ssn", "US"),
        ("IT_VAT_CODE", "vat", "IT"),
        ("US_PROVIDER_TAX_ID", "national_id", "US"),
        ("US_HEALTH_INSURANCE_MEMBER_ID", "health_id", "US"),
        ("ABA_ROUTING_NUMBER", "bank_account", "US"),
        ("PH_MOBILE_NUMBER", "phone", "PH"),
        ("IP_ADDRESS", "ip_address", "INT"),
        ("MAC_ADDRESS", "mac_address", "INT"),
        ("STREET_ADDRESS", "address", "INT"),
    ],
)
def test_names_are_understood(name: str, kind: str, country: str) -> None:
    found = kind_of(name)
    assert found is not None
    assert found.name == kind
    assert country_of(name) == country


def test_a_region_says_the_country() -> None:
    assert country_of("PHONE_NUMBER", "pt-BR") == "BR"
    assert country_of("NATIONAL_ID", "NZ") == "NZ"
    assert country_of("UK_NINO", "UK") == "GB"
    assert country_of("UK_NINO", "somewhere") == "GB"


def test_names_that_nobody_looks_for_are_unknown() -> None:
    assert kind_of("FAVOURITE_COLOUR") is None


def test_what_a_finding_means() -> None:
    assert meant(OURS, "iban") == {"iban"}
    assert meant("Presidio", "UK_NINO") == {"national_id", "tax_id", "ssn"}
    assert meant("Presidio", "DATE_TIME") == {"date"}
    assert meant("Presidio", "FAVOURITE_COLOUR") == set()
    assert meant("detect-secrets", "Secret Keyword") == CREDENTIALS
    assert meant("detect-secrets", "Public IP (ipv4)") == {"ip_address"}
    assert meant("LLM Guard", "EMAIL_ADDRESS_RE") == {"email"}
    assert not meant("LLM Guard", "UUID") & (PERSONAL | CREDENTIALS)


def test_every_system_looks_at_ordinary_texts() -> None:
    assert all("ordinary" in subjects for subjects in LOOKS_FOR.values())
