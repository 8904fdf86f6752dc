"""Any detector behind HTTP: a documented question and answer in JSON, signed to show who asks (docs/detectors.md)."""

import hmac
import time
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Annotated

import msgspec

from sluicegate.core.provider import Credential
from sluicegate.dlp.detector import Detection, DetectorFailed, Passage, Signal
from sluicegate.dlp.external.bounds import Bounds, Outside, Piece, Reference, checked_url, credential, decoded
from sluicegate.dlp.external.doors import Doors

MAX_REPLY_BYTES = 4 * 1024 * 1024
VERSION = 1
SIGNATURE = "X-Sluicegate-Signature"


class WebhookSpec(Bounds, tag_field="type", tag="webhook", frozen=True, kw_only=True):
    """Where it is, what it can find, and the secret that questions are signed with."""

    url: str
    signals: Annotated[tuple[Signal, ...], msgspec.Meta(min_length=1, max_length=1_000)]
    secret: Reference | None = None


class _Finding(msgspec.Struct):
    passage: int
    start: int
    end: int
    signal: str


class _Answer(msgspec.Struct):
    findings: list[_Finding]


_decoder = msgspec.json.Decoder(_Answer)
_encode = msgspec.json.Encoder().encode


class Webhook:
    """Asks it."""

    def __init__(self, name: str, spec: WebhookSpec, doors: Doors, clock: Callable[[], float] = time.time) -> None:
        self.name = name
        self.refuses = spec.on_failure == "refuse"
        self.signals: Sequence[Signal] = spec.signals
        self._known = frozenset(signal.id for signal in spec.signals)
        self._url = checked_url(name, spec.url)
        self._secret = credential(spec.secret, doors)
        self._doors = doors
        self._outside = Outside(name, spec)
        self._clock = clock

    async def find(self, passages: Sequence[Passage]) -> Sequence[Detection]:
        """What it reports. Raises DetectorFailed."""
        batches = self._outside.batches(passages)
        found = await self._outside.all([self._ask(batch) for batch in batches])
        return list(dict.fromkeys(detection for some in found for detection in some))

    async def _ask(self, batch: Sequence[Piece]) -> list[Detection]:
        asked = [{"place": piece.place, "text": piece.text} for piece in batch]
        body = _encode({"version": VERSION, "detector": self.name, "passages": asked})
        headers = {} if self._secret is None else signed(self._secret, body, int(self._clock()))
        reply = await self._doors.post(self._url, body, headers, MAX_REPLY_BYTES)
        if reply.status != 200:
            raise DetectorFailed(f"{self.name} answered with status {reply.status}")
        out: list[Detection] = []
        for found in decoded(self.name, _decoder, reply.body).findings:
            if not 0 <= found.passage < len(batch) or found.signal not in self._known:
                raise DetectorFailed(f"{self.name} found another signal, or in another passage, than agreed")
            piece = batch[found.passage]
            if not 0 <= found.start < found.end <= len(piece.text):
                raise DetectorFailed(f"{self.name} found something beyond the text")
            out.append(Detection(piece.index, piece.at + found.start, piece.at + found.end, found.signal))
        return out


def signed(secret: Credential, body: bytes, now: int) -> Mapping[str, str]:
    """The header that proves who asks: HMAC-SHA256 of `<time>.<body>`. Raises SecretUnavailable."""
    digest = hmac.new(secret.reveal().encode(), b"%d.%b" % (now, body), sha256).hexdigest()
    return {SIGNATURE: f"t={now},v1={digest}"}
