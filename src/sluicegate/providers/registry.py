"""Which Provider carries a target's kind: the built-in ones, and those of the entry point group `sluicegate.providers`."""

from collections.abc import Callable, Iterable
from importlib.metadata import EntryPoint, entry_points

from sluicegate.core.provider import Provider
from sluicegate.providers.demo import DemoProvider
from sluicegate.providers.http import HttpProvider
from sluicegate.providers.pool import Pool
from sluicegate.settings import SettingsError, Upstream

GROUP = "sluicegate.providers"

Factory = Callable[[Upstream], Provider]
"""What an entry point names: it is called once, with the bounds of upstream calls. The entry point's name is the kind."""


def providers(bounds: Upstream, pool: Pool, points: Iterable[EntryPoint] | None = None) -> dict[str, Provider]:
    """Every provider by kind; `points` replaces what is installed.

    Raises SettingsError where a third party's takes the name of a built-in one.
    """
    found: dict[str, Provider] = {"http": HttpProvider(bounds, pool), "demo": DemoProvider()}
    for point in entry_points(group=GROUP) if points is None else points:
        if point.name in found:
            raise SettingsError(f"two providers of kind {point.name}: {point.value} cannot be used")
        factory: Factory = point.load()
        found[point.name] = factory(bounds)
    return found
