"""Which deployments a model name means, compiled from the tables and found by one look-up."""

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol, TypeVar
from urllib.parse import urlencode

import msgspec
from sqlalchemy import Connection, Row, select

from sluicegate.core.dialect import DialectName
from sluicegate.core.identity import RateLimit
from sluicegate.core.provider import Auth, ClientHeader, Credential, Path, Place, Quirk, Target
from sluicegate.routing.rules import MAX_MODEL, matches
from sluicegate.store.tables import deployment, provider

log = logging.getLogger(__name__)

T = TypeVar("T")


UNBOUNDED = RateLimit()
REMEMBERED = 4_096
"""Names found through a pattern, or not at all, that are remembered until the next reload."""


class Reads(Protocol):
    """What the catalogue needs of the database."""

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a read transaction."""


class Listed(msgspec.Struct, frozen=True):
    """A model as `/v1/models` shows it."""

    name: str
    owner: str
    """The provider of its first deployment."""
    created: int
    """Seconds since the epoch."""


class Catalog:
    """Models and their deployments. `credential` makes a Credential of a reference; `reload` follows changes."""

    def __init__(self, database: Reads, credential: Callable[[str], Credential]) -> None:
        self._database = database
        self._credential = credential
        self._credentials: dict[str, Credential] = {}
        self._exact: dict[str, tuple[Target, ...]] = {}
        self._patterns: tuple[tuple[str, tuple[Target, ...]], ...] = ()
        self._offered: Mapping[str, Target] = {}
        self._listed: tuple[Listed, ...] = ()
        self._found: dict[str, tuple[Target, ...]] = {}

    async def reload(self) -> None:
        """Read every deployment again. One whose row cannot be used is left out, and the log names it."""
        rows = await self._database.read(_rows)
        credentials: dict[str, Credential] = {}
        found: dict[str, list[Target]] = {}
        listed: dict[str, Listed] = {}
        for row in rows:
            try:
                targets = self._targets(row, credentials)
            except (ValueError, msgspec.ValidationError):
                log.exception("a deployment cannot be used", extra={"deployment": row.name})
                continue
            found.setdefault(row.model, []).extend(targets)
            if "*" not in row.model:
                listed.setdefault(row.model, Listed(row.model, row.provider, int(row.created_at)))
        self._credentials = credentials
        self._exact = {model: tuple(targets) for model, targets in found.items() if "*" not in model}
        patterns = [(model, tuple(targets)) for model, targets in found.items() if "*" in model]
        self._patterns = tuple(sorted(patterns, key=lambda pattern: (-len(pattern[0]), pattern[0])))
        self._listed = tuple(listed.values())
        self._found = {}

    def offer(self, targets: Mapping[str, Target]) -> None:
        """Models that are in no table (Ollama's), by the name a client asks for; what is declared comes before them."""
        self._offered = targets
        self._found = {}

    def targets(self, model: str) -> tuple[Target, ...]:
        """The targets of `model`: those of its name, else of the longest pattern that fits, else, for `provider/model`,
        those of that model at that provider; none if it is unknown.
        """
        found = self._exact.get(model)
        if found is None:
            found = self._found.get(model)
            if found is None:
                found = self._search(model)
        return found

    def deployment(self, name: str) -> Target | None:
        """The deployment called `name`, whatever model it is of; looked for anew each time."""
        return next((target for target in self.every() if target.deployment == name), None)

    def every(self) -> Iterator[Target]:
        """All targets there are."""
        for targets in (*self._exact.values(), *(targets for _, targets in self._patterns), self._offered.values()):
            yield from targets

    def _search(self, model: str) -> tuple[Target, ...]:
        """The targets of a model that has no entry of its own; remembered, up to a bound."""
        if len(model) > MAX_MODEL:
            return ()
        found = self._fitting(model)
        if not found:
            provider, _, name = model.partition("/")
            known = self._exact.get(name) or self._fitting(name)
            found = tuple([_called(target, name) for target in known if target.provider == provider])
        if len(self._found) >= REMEMBERED:
            self._found.clear()
        self._found[model] = found
        return found

    def _fitting(self, model: str) -> tuple[Target, ...]:
        for pattern, targets in self._patterns:
            if matches(pattern, model):
                return targets
        return (self._offered[model],) if model in self._offered else ()

    def models(self) -> tuple[Listed, ...]:
        """Every model that has a name of its own; patterns are not listed."""
        offered = [Listed(name, t.provider, 0) for name, t in self._offered.items() if name not in self._exact]
        return (*self._listed, *offered)

    def patterns(self) -> tuple[str, ...]:
        """The names with wildcards that deployments have."""
        return tuple(pattern for pattern, _ in self._patterns)

    def _targets(self, row: Row[tuple[object, ...]], credentials: dict[str, Credential]) -> list[Target]:
        """One target for each credential of the deployment's provider."""
        references: list[str | None] = list(row.credentials) or [row.credential]
        for reference in references:
            if reference is not None and reference not in credentials:
                credentials[reference] = self._credentials.get(reference) or self._credential(reference)
        rate = RateLimit(**row.rate)
        return [
            Target(
                deployment=row.name,
                model=row.model,
                upstream_model=row.upstream_model,
                provider=row.provider,
                kind=row.kind,
                dialects=_dialects(row.dialects),
                base_url=row.base_url,
                credential=None if reference is None else credentials[reference],
                headers=dict(row.headers),
                place=Place(row.place),
                region=row.region,
                order=row.order,
                weight=row.weight,
                max_output_tokens=row.max_output_tokens,
                circuit=f"{row.name}#{number}" if len(references) > 1 else row.name,
                rate=None if rate == UNBOUNDED else rate,
                paths=msgspec.convert(row.paths or {}, dict[DialectName, Path]),
                query=urlencode(row.query or {}),
                auth=None if row.auth is None else msgspec.convert(row.auth, Auth),
                client_headers=tuple([ClientHeader(name) for name in row.client_headers or ()]),
                quirks=_quirks(row.provider_quirks, row.quirks),
            )
            for number, reference in enumerate(references, start=1)
        ]


def _called(target: Target, name: str) -> Target:
    """`target` for who asks for it as `provider/name`: what the provider is told does not begin with its own name."""
    return msgspec.structs.replace(target, upstream_model=name) if target.upstream_model == "*" else target


def _dialects(names: list[str]) -> tuple[DialectName, ...]:
    """Raises ValueError where there is none, or one that this program does not know."""
    if not names:
        raise ValueError("a provider speaks at least one dialect")
    return tuple([DialectName(name) for name in names])


def _quirks(*lists: list[str] | None) -> tuple[Quirk, ...]:
    """Each once. Raises ValueError for one that this program does not know."""
    return tuple(dict.fromkeys(Quirk(name) for names in lists for name in names or ()))


def _rows(connection: Connection) -> list[Row[tuple[object, ...]]]:
    columns = (
        *(column for column in deployment.c if column.name not in ("origin", "price", "updated_at")),
        provider.c.kind,
        provider.c.dialects,
        provider.c.base_url,
        provider.c.credential,
        provider.c.credentials,
        provider.c.headers,
        provider.c.paths,
        provider.c.query,
        provider.c.auth,
        provider.c.client_headers,
        provider.c.quirks.label("provider_quirks"),
    )
    joined = deployment.join(provider, deployment.c.provider == provider.c.name)
    found = connection.execute(select(*columns).select_from(joined).order_by(deployment.c.order, deployment.c.name))
    return list(found)
