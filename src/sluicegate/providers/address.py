"""Addresses of providers: what a `base_url` may say, and which hosts are never called."""

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from sluicegate.core.dialect import DialectName


class Path(NamedTuple):
    """Where one dialect is called."""

    version: str
    """What the vendor's SDK adds to a base URL that does not end with it."""
    whole: str
    """Behind that; `{model}` stands for the model's name."""
    stream: str = ""
    """The same for an answer in events, where that differs."""


PATHS = {
    DialectName.OPENAI_CHAT: Path("", "/chat/completions"),
    DialectName.OPENAI_RESPONSES: Path("", "/responses"),
    DialectName.OPENAI_COMPLETIONS: Path("", "/completions"),
    DialectName.OPENAI_EMBEDDINGS: Path("", "/embeddings"),
    DialectName.OPENAI_MODERATIONS: Path("", "/moderations"),
    DialectName.OPENAI_IMAGES: Path("", "/images/generations"),
    DialectName.OPENAI_SPEECH: Path("", "/audio/speech"),
    DialectName.OPENAI_TRANSCRIPTIONS: Path("", "/audio/transcriptions"),
    DialectName.ANTHROPIC_MESSAGES: Path("/v1", "/messages"),
    DialectName.ANTHROPIC_COUNT_TOKENS: Path("/v1", "/messages/count_tokens"),
    DialectName.GEMINI: Path("/v1beta", "/models/{model}:generateContent", "/models/{model}:streamGenerateContent?alt=sse"),
    DialectName.GEMINI_COUNT_TOKENS: Path("/v1beta", "/models/{model}:countTokens"),
    DialectName.GEMINI_EMBED: Path("/v1beta", "/models/{model}:embedContent"),
    DialectName.GEMINI_BATCH_EMBED: Path("/v1beta", "/models/{model}:batchEmbedContents"),
    DialectName.BEDROCK_CONVERSE: Path("", "/model/{model}/converse", "/model/{model}/converse-stream"),
}
"""Per dialect, as its vendor's SDK calls it."""

MODEL = "{model}"

_METADATA = ip_address("fd00:ec2::254")


class Origin(NamedTuple):
    """Where a connection leads; connections are shared by everything that goes to one origin."""

    secure: bool
    host: str
    port: int


class Address(NamedTuple):
    """A parsed base URL: its origin, what the Host header says, and the path without a slash at its end."""

    origin: Origin
    authority: str
    path: str


def parse(base_url: str) -> Address:
    """Raises ValueError, saying what is wrong, unless `base_url` is a plain http or https address."""
    if not base_url.isascii() or any(c <= " " or c in '"<>\\^`{|}\x7f' for c in base_url):
        raise ValueError("a base URL is plain ASCII without spaces (write a host name of another script in its xn-- form)")
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https"):
        raise ValueError("a base URL begins with http:// or https://")
    if "@" in parts.netloc:
        raise ValueError("a base URL holds no user name or password")
    if "?" in base_url or "#" in base_url:
        raise ValueError("a base URL holds no query and no fragment")
    host = parts.hostname
    if not host:
        raise ValueError("a base URL names a host")
    secure = parts.scheme == "https"
    port = parts.port if parts.port is not None else 443 if secure else 80
    if port == 0:
        raise ValueError("a base URL's port is from 1 to 65535")
    return Address(Origin(secure, host, port), parts.netloc, parts.path.rstrip("/"))


def path(address: Address, dialect: DialectName, *, stream: bool = False) -> str:
    """The path of a call, as the vendor's own SDK would join it to the base URL; it may hold `{model}`."""
    if dialect not in PATHS:
        raise ValueError(f"no provider is called in the dialect {dialect}")
    version, whole, streamed = PATHS[dialect]
    if version and address.path.rsplit("/", 1)[-1] == version[1:]:
        version = ""
    return f"{address.path}{version}{(stream and streamed) or whole}"


def segment(model: str) -> str:
    """A model's name as a part of a path. Raises ValueError where it would lead to another path."""
    if model in ("", ".", ".."):
        raise ValueError("the model's name cannot stand in an address")
    return quote(model, safe="@")


def forbidden(peer: str) -> bool:
    """Whether the address that a connection reached can be no provider: link-local (cloud metadata), multicast, none."""
    try:
        address: IPv4Address | IPv6Address = ip_address(peer.partition("%")[0])
    except ValueError:
        return True
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_link_local or address.is_multicast or address.is_unspecified or address == _METADATA
