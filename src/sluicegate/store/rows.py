"""Many rows in one statement, straight through the driver.

A statement per row would let go of the interpreter lock twice a row, and wait for it again each time; under load that
wait costs more than the insert.
"""

import sqlite3
from collections.abc import Sequence
from itertools import chain
from typing import Any

from sqlalchemy import Connection

from sluicegate.store.database import raw_connection

SIZES = (64, 16)
"""Rows per statement while there are that many; the rest goes in one statement of its own size, below 16."""

Row = tuple[Any, ...]


class Rows:
    """The INSERT of one table. `suffix` is what follows the values (`ON CONFLICT …`)."""

    def __init__(self, table: str, columns: Sequence[str], suffix: str = "") -> None:
        names = ", ".join(f'"{name}"' for name in columns)
        self._head = f"INSERT INTO {table} ({names}) VALUES "  # noqa: S608  # names of our own tables and columns
        self._width = len(columns)
        self._suffix = f" {suffix}" if suffix else ""
        self._statements: dict[tuple[int, str], str] = {}

    def insert(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Insert `rows`, in the transaction that `connection` has open. Raises the driver's own errors."""
        raw = raw_connection(connection)
        mark = "?" if isinstance(raw, sqlite3.Connection) else "%s"
        start = 0
        while remaining := len(rows) - start:
            size = next((size for size in SIZES if remaining >= size), remaining)
            chunk = rows[start : start + size]
            raw.execute(self._statement(size, mark), list(chain.from_iterable(chunk))).close()
            start += size

    def _statement(self, size: int, mark: str) -> str:
        statement = self._statements.get((size, mark))
        if statement is None:
            values = f"({', '.join([mark] * self._width)})"
            statement = self._head + ", ".join([values] * size) + self._suffix
            self._statements[size, mark] = statement
        return statement
