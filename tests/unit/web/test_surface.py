"""Which surface a path means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.core.arguments import Arguments
from sluicegate.dialects.openai_chat import OpenAIChat
from sluicegate.web.surface import Mounts, Surface

TEMPLATES = (
    ("POST", "/v1/things"),
    ("POST", "/v1/things/all"),
    ("GET", "/v1/things/{id}"),
    ("DELETE", "/v1/things/{id}"),
    ("POST", "/v1/things/{id}/cancel"),
    ("GET", "/v1/models/{model:path}"),
    ("GET", "/v2/models/{model}"),
    ("POST", "/v2/models/{model}:generate"),
    ("POST", "/v2/models/{model}:count"),
    ("POST", "/v3/{project}/models/{model:path}:generate"),
)


def mounts(*templates: tuple[str, str]) -> Mounts:
    chat = OpenAIChat()
    return Mounts(Surface(method, path, chat) for method, path in templates or TEMPLATES)


@pytest.mark.parametrize(
    ("path", "template", "places"),
    [
        ("/v1/things", "/v1/things", {}),
        ("/v1/things/all", "/v1/things/all", {}),
        ("/v1/things/t-1", "/v1/things/{id}", {"id": "t-1"}),
        ("/v1/things/t:1", "/v1/things/{id}", {"id": "t:1"}),
        ("/v1/things/t-1/cancel", "/v1/things/{id}/cancel", {"id": "t-1"}),
        ("/v1/models/m", "/v1/models/{model:path}", {"model": "m"}),
        ("/v1/models/a/b:c", "/v1/models/{model:path}", {"model": "a/b:c"}),
        ("/v2/models/m", "/v2/models/{model}", {"model": "m"}),
        ("/v2/models/m:7b", "/v2/models/{model}", {"model": "m:7b"}),
        ("/v2/models/m:7b:generate", "/v2/models/{model}:generate", {"model": "m:7b"}),
        ("/v2/models/m:count", "/v2/models/{model}:count", {"model": "m"}),
        ("/v2/models/:count", "/v2/models/{model}", {"model": ":count"}),
        ("/v3/p/models/a/b:generate", "/v3/{project}/models/{model:path}:generate", {"project": "p", "model": "a/b"}),
    ],
)
def test_what_a_path_means(path: str, template: str, places: dict[str, str]) -> None:
    for key in ("", "some-key"):
        found = mounts().find(f"/k/{key}{path}" if key else path)
        assert found is not None
        assert (found.mount.first.path, found.places, found.key) == (template, places, key)


@pytest.mark.parametrize(
    "path",
    [
        *("", "/", "/v1", "/v1/", "/v1/things/", "/v1/things/t-1/", "/v1/things/t-1/stop", "/v1/things/t-1/cancel/more"),
        *("/v1/models/", "/v2/models/a/b", "/v3/p/models/m", "/v3/p/models/m:count", "/v3//models/m:generate"),
        *("/k", "/k/", "/k/key", "/k/key/", "/k//v1/things", "/k/key/v1", "/k/a/k/b/v1/things", "k/key/v1/things"),
    ],
)
def test_what_means_nothing(path: str) -> None:
    assert mounts().find(path) is None


@given(
    st.lists(st.sampled_from(["", "v1", "v2", "k", "things", "models", "m", "a:generate", "all", ":", "{id}"]), max_size=9)
)
def test_a_path_is_found_as_its_template_reads(segments: list[str]) -> None:
    path = "/" + "/".join(segments)
    found = mounts().find(path)
    if found is not None:
        template = found.mount.first.path
        for name, value in found.places.items():
            template = template.replace(f"{{{name}:path}}", value).replace(f"{{{name}}}", value)
        assert path == (f"/k/{found.key}" if found.key else "") + template


def test_methods_of_one_path_stand_together() -> None:
    found = mounts().find("/v1/things/t-1")
    assert found is not None
    assert found.mount.allowed == "DELETE, GET"
    assert {method: surface.method for method, surface in found.mount.by_method.items()} == {
        "GET": "GET",
        "DELETE": "DELETE",
    }


@pytest.mark.parametrize(
    "templates",
    [
        (("GET", "/a"), ("GET", "/a")),
        (("GET", "/a/{b}"), ("GET", "/a/{c}")),
        (("GET", "/a/{b:path}:x"), ("GET", "/a/{c:path}:x")),
        (("GET", "/a/{b:path}/c"),),
    ],
)
def test_what_cannot_be_told_apart_is_not_mounted(templates: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(ValueError, match=r"."):
        mounts(*templates)


def test_a_surface_below_its_vendors_name() -> None:
    chat, own = OpenAIChat(), OpenAIChat()
    surface = Surface("GET", "/v1/{a}", chat, lambda _: own, body=False)
    below = surface.below("/openai")
    assert [each.path for each in below] == ["/v1/{a}", "/openai/v1/{a}"]
    for each in below:
        assert (each.method, each.dialect, each.body, each.plain) == ("GET", chat, False, False)
        assert each.dialect_for(Arguments({}, b"", {})) is own
    assert Surface("POST", "/a", chat).dialect_for(Arguments({}, b"", {})) is chat
