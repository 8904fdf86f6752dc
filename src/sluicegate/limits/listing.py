"""Where prices come from: the deployment's own, else genai-prices, asked in a child process and remembered in the database.

A price is looked up once per provider, model and version of the list, and stored in `listed_price`, so that the next start
needs no child. A look-up that fails is logged, not stored, and leaves the price unknown.
"""

import asyncio
import json
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from hashlib import sha256
from importlib.metadata import version
from typing import Any, Protocol, TypeVar

import msgspec
from sqlalchemy import Connection, delete, insert, select

from sluicegate.limits.prices import Catalogue, Price, PriceBook, flat, own, parse
from sluicegate.settings import Limits
from sluicegate.store.tables import deployment, listed_price, provider

log = logging.getLogger(__name__)
T = TypeVar("T")

SHAPE = 2
"""Counts what is taken from the list: a price that was stored when less was taken is looked up again."""
LOOK_UP_TIMEOUT = 60.0
"""Seconds for a child process to load the list and answer."""
_INHERITED = ("PATH", "PYTHONPATH", "LANG", "SYSTEMROOT")
"""All that a child gets of the environment: it needs no secret."""


class Reads(Protocol):
    """What can run a piece of reading (`store.database.Database`)."""

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run it and return its result."""


class Writes(Protocol):
    """What can run a piece of writing (`store.writer.Writer`)."""

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run it and return its result once it is durable."""


class Wanted(msgspec.Struct, frozen=True):
    """A price to be looked up: the provider's preset and address, and its own name for the model (`*`: all of them)."""

    preset: str | None
    url: str
    model: str

    @property
    def provider(self) -> str:
        """The provider in `listed_price`, at most 128 characters."""
        text = f"{self.preset or ''}|{self.url}"
        return text if len(text) <= 128 else f"sha256:{sha256(text.encode()).hexdigest()}"


LookUp = Callable[[Sequence[Wanted]], Awaitable[Sequence[Any]]]
"""Finds prices in the list, as JSON or None each. Raises ListUnavailable."""


class ListUnavailable(Exception):
    """The price list could not be asked; the message says why."""


class _Declared(msgspec.Struct, frozen=True):
    deployment: str
    price: Mapping[str, Any] | None
    wanted: Wanted


async def refresh(book: PriceBook, database: Reads, writer: Writes, look_up: LookUp | None = None) -> None:
    """Give `book` the prices of all deployments: at start, and when deployments have changed. Raises database errors."""
    source = f"genai-prices {version('genai-prices')}, {SHAPE}"
    declared, known = await database.read(lambda connection: (_declared(connection), _known(connection, source)))
    missing = {d.wanted for d in declared if d.price is None and (d.wanted.provider, d.wanted.model) not in known}
    if missing:
        wanted = sorted(missing, key=lambda w: (w.provider, w.model))
        try:
            found = await (look_up or ask_child)(wanted)
        except ListUnavailable as error:
            log.error("the price list could not be asked", extra={"cause": str(error), "models": len(wanted)})
        else:
            rows = [
                {"provider": w.provider, "model": w.model, "source": source, "price": price}
                for w, price in zip(wanted, found, strict=True)
            ]
            await writer.write(lambda connection: _store(connection, rows))
            known |= {(row["provider"], row["model"]): row["price"] for row in rows}
    prices = {d.deployment: price for d in declared if (price := _price(d, known)) is not None}
    for unknown in sorted({d.deployment for d in declared} - set(prices)):
        log.warning("no price is known for a deployment", extra={"deployment": unknown})
    book.replace(prices)


async def ask_child(wanted: Sequence[Wanted]) -> Sequence[Any]:
    """Ask genai-prices in a process of its own. Raises ListUnavailable."""
    question = json.dumps({"wanted": [{"preset": w.preset, "url": w.url, "model": w.model} for w in wanted]})
    try:
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "sluicegate.limits.price_list",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={name: os.environ[name] for name in _INHERITED if name in os.environ},
        )
    except OSError as error:
        raise ListUnavailable(f"no child process: {error.strerror}") from None
    try:
        async with asyncio.timeout(LOOK_UP_TIMEOUT):
            output, _ = await child.communicate(question.encode())
    except TimeoutError:
        raise ListUnavailable("no answer in time") from None
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode:
        raise ListUnavailable(f"the child process ended with {child.returncode}")
    try:
        prices: list[Any] = json.loads(output)["prices"]
    except (ValueError, KeyError):
        raise ListUnavailable("the child process's answer cannot be read") from None
    return prices


def book_for(limits: Limits) -> PriceBook:
    """An empty book that treats unknown prices as the settings say."""
    ceiling = flat(limits.ceiling_usd_per_million, limits.ceiling_usd_per_million)
    return PriceBook(ceiling if limits.unknown_price == "ceiling" else None)


def _declared(connection: Connection) -> list[_Declared]:
    columns = (deployment.c.name, deployment.c.price, deployment.c.upstream_model, provider.c.preset, provider.c.base_url)
    rows = connection.execute(select(*columns).join(provider, deployment.c.provider == provider.c.name))
    return [_Declared(name, price, Wanted(preset, url, model)) for name, price, model, preset, url in rows]


def _known(connection: Connection, source: str) -> dict[tuple[str, str], Any]:
    columns = (listed_price.c.provider, listed_price.c.model, listed_price.c.price)
    rows = connection.execute(select(*columns).where(listed_price.c.source == source))
    return {(name, model): price for name, model, price in rows}


def _store(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert what was found, in place of what another process may have found meanwhile."""
    for row in rows:
        same = [listed_price.c[name] == row[name] for name in ("provider", "model", "source")]
        connection.execute(delete(listed_price).where(*same))
    connection.execute(insert(listed_price), list(rows))


def _price(declared: _Declared, known: Mapping[tuple[str, str], Any]) -> Price | Catalogue | None:
    if declared.price is not None:
        return own(declared.price)
    listed = known.get((declared.wanted.provider, declared.wanted.model))
    if listed is None:
        return None
    if "models" in listed:
        return Catalogue([(model["match"], parse(model["price"])) for model in listed["models"]])
    return parse(listed)
