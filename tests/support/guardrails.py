"""For tests of guardrails: policies compiled once, a dialect of two fields, and values that no file may hold whole."""

from collections.abc import Awaitable, Sequence
from functools import cache
from tempfile import NamedTemporaryFile
from typing import Any

from sluicegate.core.decision import Decision
from sluicegate.core.dialect import DialectName, Piece
from sluicegate.core.event import Event, sse, whole
from sluicegate.core.stage import Guard
from sluicegate.dlp.built_in import built_in
from sluicegate.dlp.detector import Detector
from sluicegate.dlp.engine import Scanner
from sluicegate.dlp.findings import Action
from sluicegate.dlp.inspection import Inspection, Judged
from sluicegate.dlp.packs import Rule, shipped
from sluicegate.dlp.policies import Policies
from sluicegate.dlp.stream import StreamGuard
from sluicegate.settings import Dlp
from tests.support.automata import KEPT

CARD = "4111 1111 1111 1111"
SSN = "536-22-8145"
IBAN = "GB82 WEST 1234 5698 7654 32"
EMAIL = "bob@example.org"
PHONE = "+44 20 7946 0958"
AWS = "AKIA" + "QYLPMN5HFIQR7XYA"
PEM = (
    "-----BEGIN RSA " + "PRIVATE KEY-----\n" + "MIIEowIBAAKCAQEA0Zq81mLr0aPw2\n" * 40 + "-----END RSA " + "PRIVATE KEY-----"
)


@cache
def policies() -> Policies:
    """The policies that ship, compiled once for all tests of a run."""
    return Policies(Dlp(), KEPT, built_in(KEPT))


@cache
def every_rule() -> Scanner:
    """All rules that ship, compiled."""
    return Scanner([rule for pack in shipped()[0] for rule in pack.rules], KEPT)


def inspection(actions: dict[str, Action], bound: int = 1_000) -> Inspection:
    """All rules that ship, with an action per kind; alert for the others."""
    scanner = every_rule()
    return Inspection(scanner, {r.id: actions.get(r.kind, Action.ALERT) for r in scanner.rules}, bound, Judged(100))


def rule(pattern: str, **more: Any) -> Rule:
    """A rule with little said about it."""
    return Rule(**{"id": "own", "kind": "own", "severity": "low", "label": "OWN", "pattern": pattern, **more})


def judge(rules: list[Rule], action: Action = Action.REDACT, bound: int = 1_000) -> Inspection:
    """The rules given, compiled, all with one action."""
    return Inspection(Scanner(rules), {each.id: action for each in rules}, bound, Judged(100))


class PlainDialect:
    """Events are lists of `{channel, text, json, sealed}`."""

    name = DialectName.OPENAI_CHAT

    def __init__(self) -> None:
        self.told = 0

    def pieces(self, event: Event) -> list[Piece]:
        return [
            Piece(p["channel"], p, "text", p["text"], p.get("json", False), p.get("sealed", False))
            for p in event.document or ()
        ]

    def redacted(self, event: Event) -> bool:
        self.told += 1
        return False

    def unread(self, event: Event) -> list[str]:
        return [p["unread"] for p in event.document or () if "unread" in p]


def guard_of(inspection: Inspection, max_channels: int = 100, max_held: int = 1 << 20) -> StreamGuard:
    return StreamGuard(inspection, PlainDialect(), max_channels, max_held)  # type: ignore[arg-type]  # all the guard asks of a dialect


def event(text: str, channel: str = "0", *, json: bool = False, framed: bool = True, sealed: bool = False) -> Event:
    document = [{"channel": channel, "text": text, "json": json, "sealed": sealed}]
    return sse(document) if framed else whole(document)


def read(events: Any) -> dict[str, str]:
    """What a client reads, per channel."""
    out: dict[str, str] = {}
    for each in events:
        for piece in each.document:
            out[piece["channel"]] = out.get(piece["channel"], "") + piece["text"]
    return out


def answer(inspection: Inspection, pieces: list[str], *, json: bool = False) -> tuple[str, Decision]:
    """What a client reads of one channel that comes in these pieces, and what was decided."""
    guard = guard_of(inspection)
    events = [leaving for piece in pieces for leaving in guard.feed([event(piece, json=json)])]
    events += guard.flush()
    return read(events).get("0", ""), guard.decision()


def written(policies: str, *detectors: Detector) -> Policies:
    """Policies of a file that says this, with these detectors beside the patterns."""
    with NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(policies)
        file.flush()
        return Policies(Dlp(policies=file.name), detectors=detectors)


async def passed(guard: Guard, *batches: Sequence[Event]) -> list[Event]:
    """What leaves of an answer whose events come in these batches."""
    out: list[Event] = []
    for batch in batches:
        out += guard.feed(batch)
    rest = guard.flush()
    return [*out, *(await rest if isinstance(rest, Awaitable) else rest)]
