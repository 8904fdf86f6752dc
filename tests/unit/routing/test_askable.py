"""Which models a use case may ask for."""

from collections.abc import Sequence

import msgspec
import pytest

from sluicegate.core.identity import Classification, UseCase
from sluicegate.core.provider import Place, Target
from sluicegate.identity.use_cases import wildcards
from sluicegate.routing.askable import askable, one
from sluicegate.routing.catalog import Listed
from sluicegate.routing.rules import matches
from tests.support.exchanges import grant, target


class Models:
    """Deployments at given places, by the name a client asks for."""

    def __init__(self, **places: Place) -> None:
        self._targets = {
            name.replace("_", "-").replace("STAR", "*"): msgspec.structs.replace(target(), place=place)
            for name, place in places.items()
        }

    def models(self) -> Sequence[Listed]:
        return [Listed(name, "p", 7) for name in self._targets if "*" not in name]

    def patterns(self) -> Sequence[str]:
        return [name for name in self._targets if "*" in name]

    def targets(self, model: str) -> tuple[Target, ...]:
        found = self._targets.get(model) or next((t for p, t in self._targets.items() if matches(p, model)), None)
        return () if found is None else (found,)


CATALOG = Models(gpt_a=Place.CLOUD, gpt_b=Place.ON_PREM, llama=Place.ON_PREM, claude_STAR=Place.CLOUD)


def case(*names: str, classification: Classification = Classification.INTERNAL) -> UseCase:
    return msgspec.structs.replace(
        grant().use_case,
        models=wildcards(names),
        names=tuple(name for name in names if "*" not in name),
        wildcards=tuple(name for name in names if "*" in name),
        classification=classification,
    )


@pytest.mark.parametrize(
    ("names", "classification", "models", "patterns"),
    [
        (("*",), Classification.INTERNAL, ["gpt-a", "gpt-b", "llama"], ["claude-*"]),
        (("*",), Classification.SENSITIVE, ["gpt-b", "llama"], []),
        (("gpt-*",), Classification.INTERNAL, ["gpt-a", "gpt-b"], []),
        (("claude-x", "llama", "none"), Classification.INTERNAL, ["claude-x", "llama"], []),
        (("claude-x*", "*-y"), Classification.INTERNAL, [], ["claude-*"]),
        ((), Classification.PUBLIC, [], []),
    ],
)
def test_what_is_listed(
    names: tuple[str, ...], classification: Classification, models: list[str], patterns: list[str]
) -> None:
    found = askable(CATALOG, case(*names, classification=classification))
    assert [model.name for model in found.models] == models
    assert list(found.patterns) == patterns


def test_an_alias_is_listed_where_what_it_means_may_be_asked() -> None:
    aliases = {"fast": "gpt-a", "wise": "claude-x", "hidden": "llama", "gone": "none"}
    use_case = msgspec.structs.replace(case("gpt-a", "claude-*", "none"), aliases=aliases)
    assert [model.name for model in askable(CATALOG, use_case).models] == ["fast", "gpt-a", "wise"]


def test_every_model_that_is_listed_can_be_looked_at() -> None:
    use_case = case("*", "claude-x")
    for model in askable(CATALOG, use_case).models:
        assert one(CATALOG, use_case, model.name) == model
    assert one(CATALOG, use_case, "claude-y") == Listed("claude-y", "p", 0)
    assert one(CATALOG, use_case, "unknown") is None
    assert one(CATALOG, case("gpt-*"), "llama") is None
    assert one(CATALOG, case("*", classification=Classification.SENSITIVE), "gpt-a") is None
