"""Every surface, and the dialects that are spoken."""

from sluicegate.core.arguments import Arguments
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


def test_anthropics_clients_get_its_form_of_a_list() -> None:
    mounts = Mounts(surfaces())
    for path in ("/v1/models", "/v1/models/m"):
        for prefix, headers, name in (
            ("", {}, "openai_models"),
            ("", {"anthropic-version": "2023-06-01"}, "anthropic_models"),
            ("/anthropic", {}, "anthropic_models"),
            ("/openai", {"anthropic-version": "2023-06-01"}, "openai_models"),
        ):
            found = mounts.find(prefix + path)
            assert found is not None
            assert found.mount.first.dialect_for(Arguments({}, b"", headers)).name == name
