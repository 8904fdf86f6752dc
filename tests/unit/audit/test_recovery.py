import json
from pathlib import Path

from sluicegate.audit.entry import canonical
from sluicegate.audit.recovery import closing
from tests.support.auditing import intent, running, settings_in


async def test_an_open_intent_is_closed_in_its_own_windows(tmp_path: Path) -> None:
    async with running(settings_in(tmp_path)) as at:
        await at.log.append(intent("a" * 32, key="k", team="t", organisation="o", reserved_tokens=3, reserved_nano_usd=9))
        await at.append(intent("b" * 32))
        with at.database.connect() as connection:
            (first, charged), (second, nothing) = closing(connection, [0, 1])
    body = json.loads(canonical(first))
    assert {name: body[name] for name in ("kind", "exchange", "organisation", "outcome", "reason", "nano_usd")} == {
        "kind": "outcome",
        "exchange": "a" * 32,
        "organisation": "o",
        "outcome": "unknown_crash",
        "reason": "unknown_crash",
        "nano_usd": 9,
    }
    assert [(spend.scope, len(spend.window), spend.tokens, spend.nano_usd) for spend in charged] == [
        (scope, 10, 3, 9) for scope in ("key:k", "team:t")
    ]
    assert (second.exchange, nothing) == ("b" * 32, ())
