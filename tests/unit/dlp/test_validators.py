import pytest

from sluicegate.dlp.validators import IBAN_LENGTHS, VALIDATORS


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("card", "4111-1111-1111-1111", "4111-1111-1111-1112"),
        ("card", "378282246310005", "3782822463100055"),
        ("card", "6011000990139424", "9011000990139424"),
        ("card", "30569309025904", "0000000000000000"),
        ("card", "2223003122003222", "2721003122003222"),
        ("iban", "DE89 3704 0044 0532 0130 00", "DE88 3704 0044 0532 0130 00"),
        ("iban", "gb82west12345698765432", "GB8212341234569876543"),
        ("us_ssn", "536-22-8145", "666-22-8145"),
        ("us_ssn", "536228145", "111111111"),
        ("phone_international", "+44 20 7946 0958", "+000"),
        ("phone_national", "0176 123 456 78", "111 1111"),
        ("phone_nanp", "(212) 555-0187", "(911) 555-0187"),
        ("email", "a.b@c.example", "a..b@c.example"),
        ("email", "a@x.example", "a@-x.example"),
        ("email", "a@x.example", ".a@x.example"),
        ("email", "a@x.example", "logo@2x.png"),
        ("mixed", "aB3" * 8 + "cdefghijklmnop", "a" * 40),
        ("varied", "Zq81mLr0aPw2Xc9vTn4b", "xxxxxxxxxxxxxxxxxxxx"),
    ],
)
def test_validators(name: str, good: str, bad: str) -> None:
    assert VALIDATORS[name](good)
    assert not VALIDATORS[name](bad)


def test_the_registry_is_whole() -> None:
    assert len(IBAN_LENGTHS) == 89
    assert IBAN_LENGTHS["NO"] == 15
    assert max(IBAN_LENGTHS.values()) == 33
