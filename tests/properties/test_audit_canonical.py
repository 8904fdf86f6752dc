"""The bytes of an entry are RFC 8785's for the values that entries hold, whatever these are."""

import json
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.audit.entry import Entry, Judged, Tokens, Try, canonical

TEXT = st.text(st.characters(codec="utf-8"), max_size=40)
WHOLE = st.integers(0, 2**63 - 1)


def jcs(value: Any) -> str:
    """RFC 8785, written from its text, for objects, lists, strings, booleans and integers."""
    if isinstance(value, dict):
        members = sorted(value.items(), key=lambda member: member[0].encode("utf-16-be"))
        return "{" + ",".join(f"{jcs(name)}:{jcs(inner)}" for name, inner in members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(jcs, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    short = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}
    return '"' + "".join(short.get(c, f"\\u{ord(c):04x}" if c < " " else c) for c in value) + '"'


judged = st.builds(
    lambda detail, **fields: msgspec.Raw(msgspec.json.encode(Judged(detail=detail, **fields), order="deterministic")),
    detail=st.dictionaries(st.text(st.characters(codec="ascii"), max_size=8), TEXT | WHOLE | st.lists(TEXT, max_size=3)),
    reason=TEXT,
    stage=TEXT,
    verdict=TEXT,
)
special = {
    "attempts": st.lists(st.builds(Try, TEXT, TEXT), max_size=3),
    "decisions": st.lists(judged, max_size=3),
    "time_regressed": st.booleans(),
    "tokens": st.none() | st.builds(Tokens, WHOLE, WHOLE, st.booleans(), WHOLE, WHOLE, WHOLE),
}
numbers = {"at_ns", "latency_us", "nano_usd", "reserved_nano_usd", "reserved_tokens", "use_case_version", "v"}
fields = {name: special.get(name, WHOLE if name in numbers else TEXT) for name in Entry.__struct_fields__}


@given(st.fixed_dictionaries(fields))
def test_the_bytes_of_an_entry_are_canonical(values: dict[str, Any]) -> None:
    body = canonical(Entry(**values))
    assert body == jcs(json.loads(body)).encode()
