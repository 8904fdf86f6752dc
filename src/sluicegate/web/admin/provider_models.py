"""What the admin API takes and gives of providers. An unknown field is an error."""

from typing import Annotated

from pydantic import Field, StringConstraints, field_validator

from sluicegate.core.dialect import DialectName
from sluicegate.core.provider import ClientHeader, Place, Quirk
from sluicegate.objects import AuthSpec, Name, PathSpec, ProviderSpec, QueryName, QueryValue, Section
from sluicegate.web.admin.models import Owned, Page, Region

EnvReference = Annotated[str, StringConstraints(pattern=r"^env:[A-Z][A-Z0-9_]{0,127}$")]
Credentials = Annotated[tuple[EnvReference, ...], Field(max_length=32)]
Address = Annotated[str, StringConstraints(min_length=1, max_length=2_048, pattern=r"^[!-~]+$")]
SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "x-api-key", "api-key", "cookie", "x-goog-api-key"})


class ProviderNew(ProviderSpec):
    """A new provider. A credential is named by environment variable: files are named in the settings file only."""

    preset: Name | None = None
    base_url: Address | None = None
    region: Region = ""
    credential: EnvReference | None = None
    credentials: Credentials = ()
    headers: Annotated[dict[str, str], Field(max_length=32)] = {}

    @field_validator("credential", "credentials")
    @classmethod
    def _credential(cls, given: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
        if any(one.startswith("env:SLUICEGATE_") for one in ((given,) if isinstance(given, str) else given or ())):
            raise ValueError("a setting of the gateway is no provider's credential")
        return given

    @field_validator("headers")
    @classmethod
    def _headers(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            if name.lower() in SECRET_HEADERS:
                raise ValueError("a secret is given as `credential`, not as a header")
            if not name.isascii() or not name.replace("-", "").isalnum() or not value.isascii() or not value.isprintable():
                raise ValueError("a header has a name of letters, digits and hyphens, and a printable ASCII value")
        return headers


class ProviderChange(Section):
    """What may change about a provider. Only the fields that are sent change."""

    preset: Name | None = None
    dialects: Annotated[tuple[DialectName, ...], Field(min_length=1)] | None = None
    base_url: Address | None = None
    credential: EnvReference | None = None
    credentials: Credentials = ()
    headers: Annotated[dict[str, str], Field(max_length=32)] = {}
    place: Place | None = None
    region: Region = ""
    paths: dict[DialectName, PathSpec] | None = None
    query: dict[QueryName, QueryValue] | None = None
    auth: AuthSpec | None = None
    client_headers: tuple[ClientHeader, ...] | None = None
    quirks: tuple[Quirk, ...] | None = None


class Provider(Owned):
    """An address and a reference to a credential."""

    name: str
    kind: str
    dialects: list[str]
    base_url: str
    credential: str | None
    credentials: list[str]
    headers: dict[str, str]
    place: str
    region: str
    preset: str | None
    paths: dict[str, PathSpec] | None
    query: dict[str, str] | None
    auth: AuthSpec | None
    client_headers: list[str] | None
    quirks: list[str] | None


class Providers(Page):
    """A page of providers."""

    items: list[Provider]
