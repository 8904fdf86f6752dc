import pytest

from sluicegate.core.errors import UpstreamError
from sluicegate.dlp.external.doors import Doors
from sluicegate.secrets.reference import credential


async def test_closed_doors_lead_nowhere() -> None:
    doors = Doors(credential)
    with pytest.raises(UpstreamError):
        await doors.post("http://127.0.0.1", b"{}", {}, 10)
    with pytest.raises(UpstreamError):
        await doors.chat("d", "s", "u", 10)
    assert doors.credential("env:X").reference == "env:X"
