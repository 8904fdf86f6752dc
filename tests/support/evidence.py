"""What a gateway under test has left behind: its audit entries, its spending, and what its own commands say of them.

An entry that was acknowledged is in the database, or still in the journal: both are read, the journal first.
"""

import asyncio
import json
import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from sluicegate.audit.stamped import Stamped, decode
from sluicegate.store.journal import read
from tests.support.automata import ENVIRON


def _rows(directory: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(f"file:{directory / 'data' / 'sluicegate.db'}?mode=ro", uri=True)) as connection:
        return connection.execute(query).fetchall()


def entries(directory: Path, kind: str = "") -> list[dict[str, Any]]:
    """The audit entries of the gateway whose folder is `directory`, in order; with `kind` those alone."""
    bodies, waiting = _log(directory)
    found = [json.loads(body) for body in [*bodies, *(stamped.body for stamped in waiting)]]
    return [entry for entry in found if kind in ("", entry["kind"])]


def _log(directory: Path) -> tuple[list[bytes], list[Stamped]]:
    """The entries in the database, and those that are in the journal alone."""
    payloads = read(directory / "data" / "sluicegate.db.journal")
    rows = _rows(directory, "SELECT body, exchange_id, kind FROM audit_entry ORDER BY log_index")
    known = {(exchange, kind) for _, exchange, kind in rows}
    journaled = [stamped for payload in payloads for stamped in decode(payload)]
    return [body for body, _, _ in rows], [one for one in journaled if (one.exchange, one.kind) not in known]


def of(directory: Path, exchange: str) -> list[dict[str, Any]]:
    """The entries of one exchange."""
    return [entry for entry in entries(directory) if entry.get("exchange") == exchange]


def spending(directory: Path) -> dict[str, tuple[int, int]]:
    """Tokens and nano-dollars by scope, over all windows, once the gateway has ended."""
    query = "SELECT scope, sum(tokens), sum(nano_usd) FROM spending GROUP BY scope"
    found = {scope: (tokens, nano_usd) for scope, tokens, nano_usd in _rows(directory, query)}
    for one in (spend for stamped in _log(directory)[1] for spend in stamped.spend):
        tokens, nano_usd = found.get(one.scope, (0, 0))
        found[one.scope] = (tokens + one.tokens, nano_usd + one.nano_usd)
    return found


def traces(directory: Path) -> int:
    """How many traces were written."""
    return int(_rows(directory, "SELECT count(*) FROM trace")[0][0])


async def command(directory: Path, *arguments: str) -> tuple[int, str]:
    """Run a `sluicegate` command beside the gateway; its exit status and what it wrote."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("SLUICEGATE_")}
    environ |= ENVIRON | {
        "SLUICEGATE_CONFIG": str(directory / "sluicegate.yaml"),
        "SLUICEGATE_DATA_DIR": str(directory / "data"),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sluicegate", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environ,
        cwd=directory,
    )
    written, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, written.decode()


async def assert_verified(directory: Path) -> None:
    """`sluicegate audit verify` finds the log valid, and every entry under a signed checkpoint."""
    status, written = await command(directory, "audit", "verify")
    assert status == 0, written
    count = len(entries(directory))
    assert f"valid: {count} entries, {count} of them under a signed checkpoint" in written


def places_of(directory: Path, text: bytes) -> Iterator[Path]:
    """The files under `directory` whose bytes hold `text`."""
    for path in sorted(directory.rglob("*")):
        if path.is_file() and text in path.read_bytes():
            yield path
