import asyncio
import logging
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, TypeVar

import pytest
from sqlalchemy import Connection, Engine, create_engine, insert, select
from sqlalchemy.pool import StaticPool

from sluicegate.core.usage import Usage
from sluicegate.limits.listing import ListUnavailable, Wanted, ask_child, book_for, refresh
from sluicegate.limits.prices import PriceBook, flat
from sluicegate.settings import Limits
from sluicegate.store.tables import deployment, listed_price, metadata, provider
from tests.support.exchanges import target

T = TypeVar("T")
LISTED = {"plain": [{"above": 0, "input": "1", "output": "2", "cached": "1", "cache_write": "1", "request": "0"}]}


class Memory:
    """A database that reads and writes at once."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def read(self, work: Callable[[Connection], T]) -> T:
        with self.engine.connect() as connection:
            return work(connection)

    async def write(self, work: Callable[[Connection], T]) -> T:
        with self.engine.begin() as connection:
            return work(connection)


@pytest.fixture
def database() -> Any:
    engine = create_engine("sqlite://", poolclass=StaticPool)
    metadata.create_all(engine)
    common = {"origin": "file", "created_at": 0.0, "updated_at": 0.0, "place": "cloud", "region": ""}
    with engine.begin() as connection:
        values: dict[str, Any] = {
            "name": "p",
            "kind": "http",
            "dialects": ["openai_chat"],
            "base_url": "http://p",
            "headers": {},
            "preset": None,
        }
        connection.execute(insert(provider), [common | values])
        rows = (
            ("own", "x", {"input": "3", "output": "4"}),
            ("listed", "known", None),
            ("any", "*", None),
            ("none", "nope", None),
        )
        for name, model, price in rows:
            row: dict[str, Any] = {"name": name, "model": name, "provider": "p", "upstream_model": model, "price": price}
            connection.execute(insert(deployment), [common | row | {"order": 0, "weight": 1, "max_output_tokens": 9}])
    yield Memory(engine)
    engine.dispose()


class List:
    """A price list, counting how often it is asked."""

    def __init__(self) -> None:
        self.asked: list[Sequence[Wanted]] = []
        self.broken = False

    async def __call__(self, wanted: Sequence[Wanted]) -> Sequence[Any]:
        self.asked.append(wanted)
        if self.broken:
            raise ListUnavailable("no child process")
        known = {"known": LISTED, "*": {"models": [{"match": {"starts_with": "q"}, "price": LISTED}]}}
        return [known.get(w.model) for w in wanted]


def cost(book: PriceBook, name: str, model: str, upstream: str = "x") -> int | None:
    price = book.price(target(name, upstream_model=upstream), model)
    return None if price is None else price.cost(Usage(input=1, output=1))


async def test_own_prices_come_first_and_the_list_is_asked_once(database: Memory) -> None:
    book, listed = book_for(Limits()), List()
    for _ in range(2):
        await refresh(book, database, database, listed)
        assert cost(book, "own", "x") == 7_000
        assert cost(book, "listed", "known") == 3_000
        assert cost(book, "any", "qwen", "*") == 3_000
        assert cost(book, "any", "other", "*") is None
        assert cost(book, "none", "nope") is None
    assert [[w.model for w in asked] for asked in listed.asked] == [["*", "known", "nope"]]
    with database.engine.connect() as connection:
        rows = {row.model: row.price for row in connection.execute(select(listed_price))}
    assert rows["nope"] is None
    assert rows["known"] == LISTED


async def test_a_list_that_fails_leaves_prices_unknown_and_is_asked_again(
    database: Memory, caplog: pytest.LogCaptureFixture
) -> None:
    book, listed = book_for(Limits()), List()
    listed.broken = True
    with caplog.at_level(logging.ERROR):
        await refresh(book, database, database, listed)
    assert "the price list could not be asked" in caplog.text
    assert cost(book, "own", "x") == 7_000
    assert cost(book, "listed", "known") is None
    listed.broken = False
    await refresh(book, database, database, listed)
    assert cost(book, "listed", "known") == 3_000


def test_the_settings_decide_about_unknown_prices() -> None:
    capped = book_for(Limits(unknown_price="ceiling", ceiling_usd_per_million=Decimal(50)))
    assert capped.price(target("x"), "m") == flat(Decimal(50), Decimal(50))
    assert book_for(Limits()).price(target("x"), "m") is None


def test_a_long_address_is_kept_as_a_digest() -> None:
    assert Wanted("openai", "http://x", "m").provider == "openai|http://x"
    assert len(Wanted(None, "http://" + "x" * 500, "m").provider) <= 128


async def test_the_child_process_answers_for_the_real_list() -> None:
    wanted = [
        Wanted(None, "https://api.anthropic.com", "claude-sonnet-4-5-20250929"),
        Wanted("ollama", "http://127.0.0.1", "x"),
    ]
    async with asyncio.timeout(60):
        found, unknown = await ask_child(wanted)
    assert Decimal(found["plain"][0]["input"]) > 0
    assert unknown is None
