import pytest

from sluicegate.core.errors import UpstreamError
from sluicegate.core.provider import SecretUnavailable
from sluicegate.dlp.external.doors import Doors, Late
from sluicegate.secrets.reference import EnvCredential


async def test_closed_doors_lead_nowhere() -> None:
    doors = Doors()
    with pytest.raises(UpstreamError):
        await doors.post("http://127.0.0.1", b"{}", {}, 10)
    with pytest.raises(UpstreamError):
        await doors.chat("d", "s", "u", 10)


def test_a_credential_is_looked_up_once_the_doors_are_open() -> None:
    doors = Doors()
    late = Late("env:X", doors)
    with pytest.raises(SecretUnavailable, match="env:X"):
        late.reveal()
    doors.open(doors.post, doors.chat, lambda reference: EnvCredential(reference[4:], {"X": "secret"}))
    assert (late.reveal(), late.reference) == ("secret", "env:X")
