"""Known providers, as data: `presets.yaml` says where each is and what it speaks."""

from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import yaml

from sluicegate.core.dialect import DialectName
from sluicegate.core.provider import Place
from sluicegate.objects import ProviderSpec
from sluicegate.providers.address import parse
from sluicegate.providers.http import check_header
from sluicegate.settings import SettingsError

FILE = Path(__file__).with_name("presets.yaml")

CHAT_ALONE = (DialectName.OPENAI_CHAT,)
COMPATIBLE = (DialectName.OPENAI_CHAT, DialectName.OPENAI_COMPLETIONS, DialectName.OPENAI_EMBEDDINGS)
"""What a server is taken to speak of which only the address is known."""


class Preset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a provider's declaration need not say."""

    name: str
    dialects: tuple[DialectName, ...]
    """At least one; the first is what a client that speaks none of them is translated to."""
    base_url: str
    place: Place = Place.CLOUD


@cache
def presets() -> dict[str, Preset]:
    """Every preset by its name."""
    return {preset.name: preset for preset in msgspec.convert(yaml.safe_load(FILE.read_bytes()), list[Preset])}


def resolve(spec: ProviderSpec) -> ProviderSpec:
    """`spec` with dialects, base_url and place set: its own, else its preset's, else COMPATIBLE and `cloud`.

    The demo model runs in this process: it has no address and is on the premises. Raises SettingsError, which names the
    provider and what is wrong.
    """
    found: Preset | None = None
    if spec.preset is not None:
        found = presets().get(spec.preset)
        if found is None:
            raise SettingsError(
                f"provider {spec.name}: there is no preset {spec.preset} (known: {', '.join(sorted(presets()))})"
            )
    base_url = spec.base_url or (found.base_url if found else None)
    local = spec.kind == "demo"
    if local:
        base_url = ""
    elif base_url is None:
        raise SettingsError(f"provider {spec.name}: base_url is missing, and so is a preset that has one")
    elif spec.kind == "http":
        _check(spec, base_url)
    filled: dict[str, Any] = {
        "base_url": base_url,
        "dialects": spec.dialects or (found.dialects if found else CHAT_ALONE if local else COMPATIBLE),
        "place": spec.place or (found.place if found else Place.ON_PREM if local else Place.CLOUD),
    }
    return spec.model_copy(update=filled)


def _check(spec: ProviderSpec, base_url: str) -> None:
    try:
        parse(base_url)
        for name, value in spec.headers.items():
            check_header(name, value)
    except ValueError as error:
        raise SettingsError(f"provider {spec.name}: {error}") from None
