from sluicegate.core.provider import Place


def test_places_stand_from_near_to_far() -> None:
    assert [place.value for place in Place] == ["on_prem", "private_cloud", "cloud"]
