"""Placeholders and the values they stand for: made in a prompt, given back in its answer, and kept encrypted in between.

A placeholder is `<LABEL_N>`: the label of the rule that found the value, and a number by first appearance. So the next turn
of a conversation, which sends the earlier ones again, gets the same ones. A number that the prompt itself holds is not given
out: who types a placeholder gets no value for it.
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from secrets import token_bytes
from time import monotonic

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sluicegate.core.decision import Reason
from sluicegate.core.errors import InvalidRequest
from sluicegate.core.exchange import Exchange

SESSION_HEADER = "x-sluicegate-session"
"""Names a session whose placeholders are kept from one exchange to the next."""
SESSION = re.compile(r"[A-Za-z0-9._-]{1,128}")
"""What may name one."""

PLACEHOLDER = re.compile(r"<([A-Z][A-Z0-9_]{0,31})_([1-9][0-9]{0,8})>")
_NONCE = 12

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[str, str]).decode


class Placeholders:
    """The placeholders of one exchange, or of a session as far as it has come."""

    def __init__(self, bound: int, values: Mapping[str, str] | None = None) -> None:
        """At most `bound` values get one; `values` are those of earlier exchanges, by placeholder."""
        self.values = dict(values or {})
        """What each stands for."""
        self._bound = bound
        self._taken: set[str] = set()
        self._next: dict[str, int] = {}
        self._names = {(_label(name), value): name for name, value in self.values.items()}

    def avoid(self, texts: Iterable[str]) -> None:
        """Leave alone what reads like a placeholder in the texts: it stands for nothing, even where it once did."""
        for text in texts:
            if "<" in text:
                for match in PLACEHOLDER.finditer(text):
                    name = str(match[0])
                    self._taken.add(name)
                    if name in self.values:
                        del self._names[match[1], self.values.pop(name)]

    def placeholder(self, label: str, value: str) -> str | None:
        """The one of `value`, a new one unless it has one already; None beyond the bound."""
        known = self._names.get((label, value))
        if known is not None:
            return known
        if len(self.values) >= self._bound:
            return None
        number = self._next.get(label, 1)
        while (name := f"<{label}_{number}>") in self._taken or name in self.values:
            number += 1
        self._next[label] = number + 1
        self.values[name] = value
        self._names[label, value] = name
        return name


class Owner(msgspec.Struct, frozen=True, array_like=True):
    """Whose values they are; nobody else's placeholders resolve to them."""

    organisation: str
    key: str
    session: str
    """As the client names it, or the exchange's id."""
    named: bool
    """Whether the client named it, so that the next exchange may find its values."""


def owner_of(exchange: Exchange) -> Owner:
    """The owner of an exchange's values: its session, or the exchange alone. Raises InvalidRequest for a session's name
    that is none.
    """
    grant = exchange.grant
    session = exchange.arrival.headers.get(SESSION_HEADER)
    if session is None:
        return Owner(grant.organisation, grant.key_id, exchange.id, False)
    if not SESSION.fullmatch(session):
        raise InvalidRequest(
            Reason.INVALID_FIELD,
            "A session's name has 1 to 128 letters, digits, dots, hyphens or underscores.",
            field=SESSION_HEADER,
        )
    return Owner(grant.organisation, grant.key_id, session, True)


class Vault:
    """Encrypts under a key that this process made for itself (AES-256-GCM), with the owner as associated data.

    Values of sessions are kept here, those used longest ago forgotten first; an exchange keeps its own sealed values.
    """

    def __init__(self, sessions: int, seconds: float, clock: Callable[[], float] = monotonic) -> None:
        """At most `sessions` are kept, each for `seconds` after its last exchange."""
        self._cipher = AESGCM(AESGCM.generate_key(bit_length=256))
        self._most = sessions
        self._seconds = seconds
        self._clock = clock
        self._sessions: OrderedDict[bytes, tuple[float, bytes]] = OrderedDict()

    def __len__(self) -> int:
        """How many sessions are kept."""
        return len(self._sessions)

    def seal(self, owner: Owner, values: Mapping[str, str]) -> bytes:
        """The values, encrypted for `owner`."""
        nonce = token_bytes(_NONCE)
        return nonce + self._cipher.encrypt(nonce, _encode(values), _encode(owner))

    def open(self, owner: Owner, sealed: bytes) -> dict[str, str]:
        """The values that were sealed for this owner; none for anybody else."""
        try:
            return _decode(self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], _encode(owner)))
        except InvalidTag:
            return {}

    def keep(self, owner: Owner, sealed: bytes) -> None:
        """Keep what a session of `owner` holds now."""
        now = self._clock()
        name = _encode(owner)
        self._sessions[name] = now + self._seconds, sealed
        self._sessions.move_to_end(name)
        while self._sessions and (len(self._sessions) > self._most or next(iter(self._sessions.values()))[0] <= now):
            self._sessions.popitem(last=False)

    def recall(self, owner: Owner) -> dict[str, str]:
        """The values of a session; none where it is new, or over."""
        name = _encode(owner)
        kept = self._sessions.get(name)
        if kept is None:
            return {}
        if kept[0] <= self._clock():
            del self._sessions[name]
            return {}
        return self.open(owner, kept[1])


def _label(name: str) -> str:
    return name[1 : name.rindex("_")]
