"""Microsoft Presidio's analyzer over HTTP: `POST /analyze`, one call for many passages."""

from collections.abc import Sequence
from typing import Annotated

import msgspec

from sluicegate.dlp.detector import Detection, DetectorFailed, Passage, Signal
from sluicegate.dlp.external.bounds import Bounds, Outside, Piece, Reference, bearer, checked_url, credential, decoded
from sluicegate.dlp.external.doors import Doors

MAX_REPLY_BYTES = 4 * 1024 * 1024
BETWEEN = "\n\n"
"""What stands between two passages in one call."""

KINDS = {
    "PERSON": "person",
    "LOCATION": "location",
    "NRP": "nationality_religion_politics",
    "DATE_TIME": "date",
    "PHONE_NUMBER": "phone",
    "EMAIL_ADDRESS": "email",
    "URL": "url",
    "IP_ADDRESS": "ip_address",
    "MAC_ADDRESS": "mac_address",
    "CREDIT_CARD": "card",
    "CRYPTO": "crypto_wallet",
    "IBAN_CODE": "iban",
    "MEDICAL_LICENSE": "medical_licence",
    "US_SSN": "ssn",
    "US_ITIN": "tax_id",
    "US_PASSPORT": "passport",
    "US_DRIVER_LICENSE": "driving_licence",
    "US_BANK_NUMBER": "bank_account",
    "UK_NHS": "health_id",
    "UK_NINO": "national_id",
    "ES_NIF": "national_id",
    "ES_NIE": "national_id",
    "IT_FISCAL_CODE": "national_id",
    "IT_DRIVER_LICENSE": "driving_licence",
    "IT_VAT_CODE": "vat",
    "IT_PASSPORT": "passport",
    "IT_IDENTITY_CARD": "national_id",
    "PL_PESEL": "national_id",
    "SG_NRIC_FIN": "national_id",
    "AU_TFN": "tax_id",
    "AU_ABN": "business_id",
    "AU_ACN": "business_id",
    "AU_MEDICARE": "health_id",
    "IN_PAN": "tax_id",
    "IN_AADHAAR": "national_id",
    "IN_PASSPORT": "passport",
    "IN_VOTER": "national_id",
    "FI_PERSONAL_IDENTITY_CODE": "national_id",
    "KR_RRN": "national_id",
    "TH_TNIN": "national_id",
}
"""Presidio's entity types, and the kinds a policy knows them by; another type is a kind of its own, in lower case."""

Entity = Annotated[str, msgspec.Meta(pattern=r"^[A-Z][A-Z0-9_]{0,31}$")]
Language = Annotated[str, msgspec.Meta(pattern=r"^[a-z]{2,3}$")]


class PresidioSpec(Bounds, tag_field="type", tag="presidio", frozen=True, kw_only=True):
    """Where it is, and what it is asked for."""

    url: str
    """Of the analyzer, without `/analyze`."""
    entities: tuple[Entity, ...] = ("PERSON", "LOCATION", "NRP", "PHONE_NUMBER", "EMAIL_ADDRESS", "MEDICAL_LICENSE")
    languages: Annotated[tuple[Language, ...], msgspec.Meta(min_length=1, max_length=8)] = ("en",)
    """Each passage is looked at in each of them."""
    score_threshold: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.5
    credential: Reference | None = None
    """Sent as a bearer token."""


class _Found(msgspec.Struct):
    entity_type: str
    start: int
    end: int
    score: float


_decoder = msgspec.json.Decoder(list[_Found])
_encode = msgspec.json.Encoder().encode


class Presidio:
    """Asks an analyzer. Its signals are `presidio_` and the entity type in lower case."""

    def __init__(self, name: str, spec: PresidioSpec, doors: Doors) -> None:
        self.name = name
        self.refuses = spec.on_failure == "refuse"
        self.signals: Sequence[Signal] = tuple(
            Signal(id=f"presidio_{entity.lower()}", kind=KINDS.get(entity, entity.lower()), severity="medium", label=entity)
            for entity in dict.fromkeys(spec.entities)
        )
        self._spec = spec
        self._url = checked_url(name, spec.url).rstrip("/") + "/analyze"
        self._credential = credential(spec.credential, doors)
        self._doors = doors
        self._outside = Outside(name, spec)

    async def find(self, passages: Sequence[Passage]) -> Sequence[Detection]:
        """Every entity it reports. Raises DetectorFailed."""
        batches = self._outside.batches(passages)
        found = await self._outside.all(
            [self._ask(batch, language) for batch in batches for language in self._spec.languages]
        )
        return list(dict.fromkeys(each for some in found for each in some))

    async def _ask(self, batch: Sequence[Piece], language: str) -> list[Detection]:
        text = BETWEEN.join(piece.text for piece in batch)
        question = {
            "text": text,
            "language": language,
            "entities": self._spec.entities,
            "score_threshold": self._spec.score_threshold,
        }
        reply = await self._doors.post(self._url, _encode(question), bearer(self._credential), MAX_REPLY_BYTES)
        if reply.status != 200:
            raise DetectorFailed(f"{self.name} answered with status {reply.status}")
        out: list[Detection] = []
        for found in decoded(self.name, _decoder, reply.body):
            if found.entity_type not in self._spec.entities or not 0 <= found.start < found.end <= len(text):
                raise DetectorFailed(f"{self.name} found what it was not asked for, or beyond the text")
            out += _shared_out(found, batch)
        return out


def _shared_out(found: _Found, batch: Sequence[Piece]) -> list[Detection]:
    """What was found in the joined text, as detections in its passages."""
    out: list[Detection] = []
    at = 0
    for piece in batch:
        size = len(piece.text)
        start, end = max(found.start - at, 0), min(found.end - at, size)
        if start < end:
            out.append(Detection(piece.index, piece.at + start, piece.at + end, f"presidio_{found.entity_type.lower()}"))
        at += size + len(BETWEEN)
    return out
