import pytest

from sluicegate.dlp.checksums import CHECKSUMS

CASES = [
    ("luhn_number", "784-1984-4829173-6", "784-1984-4829173-5"),
    ("us_npi", "1497-752-687", "1497752688"),
    ("us_npi", "1234567893", "123456789"),
    ("us_dea", "BK4837261", "BK4837262"),
    ("mx_clabe", "032 180 00011835971 9", "032180000118359718"),
    ("mx_clabe", "002010077777777771", "00201007777777777"),
    ("br_cns", "173 8425 9106 0007", "173 8425 9106 0008"),
    ("br_pis", "170.33259.50-4", "170.33259.50-5"),
    ("br_pis", "17033259504", "11111111111"),
    ("br_cnh", "62472927637", "62472927638"),
    ("br_cnh", "02650306461", "00000000000"),
    ("au_abn", "AU 83 914 571 673", "83 914 571 674"),
    ("au_medicare", "2123 45670 1", "2123 45671 1"),
    ("jp_corporate", "T5835678256246", "5835678256247"),
    ("nz_nhi", "ZZZ0016", "ZZZ0017"),
    ("nz_nhi", "ZZZ00AX", "ZZZ00AY"),
    ("nz_nhi", "ZVB97XQ", "ZIB97XQ"),
    ("sg_nric", "S1234567D", "S1234567A"),
    ("sg_nric", "g1234567x", "g1234567d"),
    ("sg_nric", "M1234567K", "M1234567X"),
    ("hk_id", "A123456(3)", "A123456(7)"),
    ("hk_id", "AB987654(3)", "AB987654(4)"),
    ("tw_id", "A123456789", "A123456788"),
    ("kr_business", "116-82-00276", "116-82-00277"),
    ("public_ipv4", "185.220.101.47", "10.48.29.17"),
    ("public_ipv4", "93.184.216.34", "1.2.3.4"),
    ("public_ipv4", "9.9.9.10", "255.255.255.0"),
    ("public_ipv4", "193.0.6.139", "239.1.2.30"),
    ("ipv6", "fe80::1%eth0", "fe80::1::2"),
    ("ipv6", "::/0", "12:30:45"),
    ("hosts_ipv6", "2a02:26f7::17", "1::2"),
    ("hosts_ipv6", "2a02:26f7:0:1:2:3:4:5/64", "2000::10"),
    ("base58check", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb"),
    ("base58check", "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy", "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNL0"),
    ("ripple", "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh", "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTn"),
    ("bech32", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5"),
    (
        "bech32",
        "BC1P5CYXNUXMEUWUVKWFEM96LQZSZD02N6XDCJRS20CAC6YQJJWUDPXQKEDRCR",
        "Bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr",
    ),
    ("bech32", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "bc1biopqpz"),
    (
        "stellar",
        "GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ",
        "GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGA",
    ),
]


@pytest.mark.parametrize(("name", "good", "bad"), CASES)
def test_a_checksum_holds_or_does_not(name: str, good: str, bad: str) -> None:
    assert CHECKSUMS[name](good)
    assert not CHECKSUMS[name](bad)


def test_every_checksum_is_tried() -> None:
    assert {name for name, _, _ in CASES} == set(CHECKSUMS)
