import re

import pytest

from sluicegate.dlp.validators import VALIDATORS, UnknownValidator, validator_of


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("iban", "gb82 WEST 1234 5698 7654 32", "GB82 WEST 1234 5698 7654 33"),
        ("iban", "NO9386011117947", "XX82WEST12345698765432"),
        ("card", "4111-1111-1111-1111", "4111-1111-1111-1112"),
        ("card", "378282246310005", "3782822463100055"),
        ("card", "6011000990139424", "9011000990139424"),
        ("card", "30569309025904", "0000000000000000"),
        ("card", "2223003122003222", "2721003122003222"),
        ("stdnum.iban", "DE89 3704 0044 0532 0130 00", "DE88 3704 0044 0532 0130 00"),
        ("stdnum.iban", "gb82west12345698765432", "GB8212341234569876543"),
        ("stdnum.de.idnr", "36 574 261 809", "36 574 261 890"),
        ("us_ssn", "536-22-8145", "666-22-8145"),
        ("us_ssn", "536228145", "111111111"),
        ("us_ssn", "536 22 8145", "078 05 1120"),
        ("phone", "+44 20 7946 0958", "+44 20"),
        ("phone", "+1 212 555 0187", "+999 212 555 0187"),
        ("phone", "+81 3 1234 5678", "03 1234 5678"),
        ("phone_national", "0176 123 456 78", "2012-2022"),
        ("phone_national", "555 0187", "2020-01-19"),
        ("phone_trunk", "08712845607", "0123456789"),
        ("phone_trunk", "0426853917", "0306406152"),
        ("digits", "A1B2C3D4", "ABC123"),
        ("digits_seven", "447-190-23", "2020-01-19"),
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
    assert validator_of(name)(good)
    assert not validator_of(name)(bad)


def test_a_phone_is_read_as_dialled_where_its_rule_belongs() -> None:
    assert validator_of("phone", "DE")("0176 12345678")
    assert not validator_of("phone", "EU")("0176 12345678")


@pytest.mark.parametrize(
    "name", ["stdnum", "stdnum.", "stdnum.xx.yy", "stdnum.de", "stdnum.util", "stdnum.de.__init__", "os.path", "lunh"]
)
def test_only_what_is_registered_or_checks_in_python_stdnum_can_be_named(name: str) -> None:
    with pytest.raises(UnknownValidator, match=re.escape(name)):
        validator_of(name)


def test_the_registry_calls_each_by_its_name() -> None:
    assert all(check.__name__ == name for name, check in VALIDATORS.items())
