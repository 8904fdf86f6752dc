"""Known providers, as data: `presets.yaml` says where each is, what it speaks and how it is called."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field, TypeAdapter

from sluicegate.core.dialect import DialectName
from sluicegate.core.provider import Auth, ClientHeader, Place, Quirk, Target
from sluicegate.core.provider import Path as CallPath
from sluicegate.objects import AuthSpec, PathSpec, ProviderSpec, QueryName, QueryValue, Section
from sluicegate.providers.auth import check_extra
from sluicegate.providers.way import check
from sluicegate.settings import SettingsError

FILE = Path(__file__).with_name("presets.yaml")

CHAT_ALONE = (DialectName.OPENAI_CHAT,)
COMPATIBLE = (DialectName.OPENAI_CHAT, DialectName.OPENAI_COMPLETIONS, DialectName.OPENAI_EMBEDDINGS)
"""What a server is taken to speak of which only the address is known."""

USUAL_HEADERS: Mapping[DialectName, tuple[ClientHeader, ...]] = {
    DialectName.ANTHROPIC_MESSAGES: (ClientHeader.ANTHROPIC_BETA, ClientHeader.ANTHROPIC_VERSION),
}
"""The client's headers that travel to a provider whose declaration names none, by what it speaks."""

REGION = "{region}"


class Preset(Section):
    """What a provider's declaration need not say."""

    name: str
    dialects: Annotated[tuple[DialectName, ...], Field(min_length=1)]
    """The first is what a client that speaks none of them is translated to."""
    base_url: str | None = None
    """`{region}` is the provider's region. None where each installation has its own."""
    example: str = ""
    """How that one looks."""
    place: Place = Place.CLOUD
    paths: dict[DialectName, PathSpec] = {}
    query: dict[QueryName, QueryValue] = {}
    auth: AuthSpec | None = None
    client_headers: tuple[ClientHeader, ...] | None = None
    quirks: tuple[Quirk, ...] = ()


@cache
def presets() -> dict[str, Preset]:
    """Every preset by its name."""
    found = TypeAdapter(list[Preset]).validate_python(yaml.safe_load(FILE.read_bytes()))
    return {preset.name: preset for preset in found}


def resolve(spec: ProviderSpec) -> ProviderSpec:
    """`spec` with everything set: its own, else its preset's, else COMPATIBLE and `cloud`.

    The demo model runs in this process: it has no address and is on the premises. Raises SettingsError, which names the
    provider and what is wrong.
    """
    found = _preset(spec)
    local = spec.kind == "demo"
    base_url = "" if local else _base_url(spec, found)
    dialects = spec.dialects or (found.dialects if found else CHAT_ALONE if local else COMPATIBLE)
    headers = spec.client_headers
    if headers is None and found is not None:
        headers = found.client_headers
    if headers is None:
        headers = tuple(dict.fromkeys(name for dialect in dialects for name in USUAL_HEADERS.get(dialect, ())))
    filled = spec.model_copy(
        update={
            "base_url": base_url,
            "dialects": dialects,
            "place": spec.place or (found.place if found else Place.ON_PREM if local else Place.CLOUD),
            "paths": spec.paths if spec.paths is not None else found.paths if found else {},
            "query": spec.query if spec.query is not None else found.query if found else {},
            "auth": spec.auth or (found.auth if found else None),
            "client_headers": headers,
            "quirks": spec.quirks if spec.quirks is not None else found.quirks if found else (),
        }
    )
    if filled.kind == "http":
        _check(filled)
    return filled


def _preset(spec: ProviderSpec) -> Preset | None:
    if spec.preset is None:
        return None
    found = presets().get(spec.preset)
    if found is None:
        raise SettingsError(
            f"provider {spec.name}: there is no preset {spec.preset} (known: {', '.join(sorted(presets()))})"
        )
    return found


def _base_url(spec: ProviderSpec, found: Preset | None) -> str:
    base_url = spec.base_url or (found.base_url if found else None)
    if base_url is None:
        shown = f" (for {found.name}: {found.example})" if found else ", and so is a preset that has one"
        raise SettingsError(f"provider {spec.name}: base_url is missing{shown}")
    if REGION in base_url:
        if not spec.region:
            raise SettingsError(f"provider {spec.name}: region is missing, which its address names")
        base_url = base_url.replace(REGION, spec.region)
    return base_url


def _check(spec: ProviderSpec) -> None:
    """Build what a call to it would need. Raises SettingsError."""
    try:
        if spec.auth is not None:
            check_extra(spec.auth.kind)
        check(_target(spec))
    except ValueError as error:
        raise SettingsError(f"provider {spec.name}: {error}") from None


class _Unread:
    """A credential that stands for any."""

    reference = ""

    def reveal(self) -> str:
        """Nothing."""
        return ""


def _target(spec: ProviderSpec) -> Target:
    auth = None if spec.auth is None else Auth(**spec.auth.model_dump())
    paths = {dialect: CallPath(path.whole, path.stream) for dialect, path in (spec.paths or {}).items()}
    return Target(
        deployment="",
        model="",
        upstream_model="",
        provider=spec.name,
        kind=spec.kind,
        dialects=spec.dialects or CHAT_ALONE,
        base_url=spec.base_url or "",
        credential=_Unread(),
        headers=spec.headers,
        place=spec.place or Place.CLOUD,
        region=spec.region,
        order=0,
        weight=1,
        max_output_tokens=1,
        circuit="",
        paths=paths,
        auth=auth,
    )
