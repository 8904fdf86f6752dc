"""Every surface, and the dialects that are spoken."""

from sluicegate.mounted import spoken, surfaces
from sluicegate.web.surface import Mounts


def test_every_surface_can_be_found() -> None:
    mounts = Mounts(surfaces())
    for surface in surfaces():
        found = mounts.find(surface.path)
        assert found is not None
        assert found.mount.first.path == surface.path


def test_every_dialect_is_spoken_by_its_name() -> None:
    assert {name: dialect.name for name, dialect in spoken(surfaces()).items()} == {
        surface.dialect.name: surface.dialect.name for surface in surfaces()
    }
