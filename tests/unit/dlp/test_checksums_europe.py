import pytest

from sluicegate.dlp.checksums_europe import EUROPE


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("ch_vat", "CHE-116.281.710", "CHE-116.281.711"),
        ("ch_vat", "CHE116281710 IVA", "CHE116281711 IVA"),
        ("de_social_security", "15070649C103", "15070649C104"),
        ("de_social_security", "65 170839 j 003", "65 170839 j 004"),
        ("es_dni", "54.362.315-K", "54.362.315-L"),
        ("es_social_security", "28/12345678/40", "28/12345678/41"),
        ("fi_hetu", "131052-308T", "131052-308U"),
        ("fi_hetu", "020594X902N", "020594X902P"),
        ("fr_business", "552 008 443", "552 008 444"),
        ("fr_business", "73282932000074", "73282932000079"),
        ("gb_nino", "YX314402C", "nt314402a"),
        ("pl_bank_account", "61 1090 1014 0000 0712 1981 2874", "62 1090 1014 0000 0712 1981 2874"),
        ("pl_identity_card", "ABA300000", "ABA400000"),
        ("pt_citizen_card", "00000000 0 ZZ4", "00000000 0 ZZ3"),
        ("pt_citizen_card", "00000000 0 ZZ4", "000000000004"),
        ("pt_social_security", "12345678902", "12345678903"),
        ("se_personal_number", "811228-9874", "811228-9873"),
        ("se_personal_number", "198112289874", "198113289874"),
        ("se_personal_number", "701063-2391", "701063-2392"),
        ("se_personal_number", "701063-2391", "701393-2391"),
    ],
)
def test_checks(name: str, good: str, bad: str) -> None:
    assert EUROPE[name](good)
    assert not EUROPE[name](bad)
