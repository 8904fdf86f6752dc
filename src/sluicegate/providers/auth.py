"""What a call shows where a header with a fixed secret is not enough: fetched tokens, and signatures of each request.

A token is fetched off the path: by one task at a time for everyone who waits, bounded by `upstream.token_timeout`, and again
before it expires while the old one still serves. Neither tokens nor what they are made from enter logs or errors.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC
from importlib.util import find_spec
from time import monotonic, time
from typing import Any, Generic, Protocol, TypeVar
from urllib.parse import urlencode

import msgspec

from sluicegate.core.errors import UpstreamError
from sluicegate.core.provider import Auth, AuthKind, Credential, SecretUnavailable, Target
from sluicegate.providers.connection import StaleConnectionError
from sluicegate.providers.pool import Pool
from sluicegate.providers.post import post

T = TypeVar("T")

AHEAD_SECONDS = 300.0
"""A token is fetched again so long before it expires, or after four fifths of its time where that comes first."""
PAUSE_SECONDS = 1.0
"""After a fetch that failed nobody fetches for so long."""
AWS_SECONDS = 60.0
"""How long a machine's AWS credential is used before botocore, which knows when it expires, is asked again."""
MAX_TOKEN_BYTES = 64 * 1024

EXTRAS = {AuthKind.AWS: ("botocore", "bedrock"), AuthKind.GOOGLE: ("google", "vertex")}
"""Per kind: the package it needs, and the extra that brings it."""


class Signer(Protocol):
    """Makes what one call shows."""

    async def shown(self, method: str, authority: str, path: str, body: bytes) -> Mapping[str, str]:
        """Headers, `Authorization` among them. Raises SecretUnavailable, which names no secret."""


class Fetched(msgspec.Struct, Generic[T], frozen=True):
    """What a fetch brought, and for how many seconds it is good."""

    value: T
    seconds: float


class Fetching(Generic[T]):
    """A value that must be fetched, kept while it is good."""

    def __init__(
        self, fetch: Callable[[], Awaitable[Fetched[T]]], timeout: float, clock: Callable[[], float] = monotonic
    ) -> None:
        self._fetch = fetch
        self._timeout = timeout
        self._clock = clock
        self._value: T | None = None
        self._good_until = 0.0
        self._ahead_at = 0.0
        self._pause_until = 0.0
        self._task: asyncio.Task[None] | None = None

    async def get(self) -> T:
        """The value. Raises SecretUnavailable where none can be had in time."""
        now = self._clock()
        value = self._value
        if value is not None and now < self._good_until:
            if now >= self._ahead_at and now >= self._pause_until:
                self._begin()
            return value
        if self._task is None and now < self._pause_until:
            raise SecretUnavailable("fetching it failed a moment ago")
        try:
            async with asyncio.timeout(self._timeout):
                await asyncio.shield(self._begin())
        except TimeoutError:
            raise SecretUnavailable("fetching it took longer than upstream.token_timeout") from None
        if self._value is None or self._clock() >= self._good_until:
            raise SecretUnavailable("fetching it failed")
        return self._value

    def _begin(self) -> "asyncio.Task[None]":
        if self._task is None:
            self._task = asyncio.ensure_future(self._run())
        return self._task

    async def _run(self) -> None:
        try:
            fetched = await self._fetch()
        except SecretUnavailable:
            self._pause_until = self._clock() + PAUSE_SECONDS
            if self._value is None or self._clock() >= self._good_until:
                raise
        else:
            now = self._clock()
            self._value = fetched.value
            self._good_until = now + fetched.seconds
            self._ahead_at = now + max(fetched.seconds - AHEAD_SECONDS, fetched.seconds * 0.8)
        finally:
            self._task = None


class BearerToken:
    """Shows a fetched token."""

    def __init__(self, token: Fetching[str]) -> None:
        self._token = token

    async def shown(self, method: str, authority: str, path: str, body: bytes) -> Mapping[str, str]:  # noqa: ARG002
        """See Signer."""
        return {"Authorization": f"Bearer {await self._token.get()}"}


class AwsSignature:
    """Signs each request with Signature Version 4, by botocore's own signer."""

    def __init__(self, keys: Fetching[Any], service: str, region: str, secure: bool) -> None:
        self._keys = keys
        self._service = service
        self._region = region
        self._scheme = "https" if secure else "http"

    async def shown(self, method: str, authority: str, path: str, body: bytes) -> Mapping[str, str]:
        """See Signer."""
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        request = AWSRequest(method=method, url=f"{self._scheme}://{authority}{path}", data=body)
        SigV4Auth(await self._keys.get(), self._service, self._region).add_auth(request)
        return dict(request.headers.items())


def check_extra(kind: AuthKind, find: Callable[[str], object] = find_spec) -> None:
    """Raises ValueError, naming the extra, where what `kind` needs is not installed."""
    package, extra = EXTRAS.get(kind, ("", ""))
    if package and find(package) is None:
        raise ValueError(f"auth of kind {kind} needs the extra `{extra}`: install sluicegate[{extra}]")


def signer(target: Target, pool: Pool, timeout: float) -> Signer:
    """What shows who calls `target`, whose auth is of another kind than HEADER. Raises ValueError where that cannot be."""
    auth, credential = target.auth or Auth(), target.credential
    check_extra(auth.kind)
    if auth.kind is AuthKind.ENTRA:
        if credential is None:
            raise ValueError("an Entra token is made from a credential")
        return BearerToken(Fetching(lambda: _entra(pool, auth, credential), timeout))
    if auth.kind is AuthKind.GOOGLE:
        if credential is not None and not credential.reference.startswith("file:"):
            raise ValueError("a Google token is made from a file")
        path = None if credential is None else credential.reference.removeprefix("file:")
        return BearerToken(Fetching(lambda: asyncio.to_thread(_google, path, auth.scope), timeout))
    if not target.region:
        raise ValueError("a signature needs the provider's region")
    secure = target.base_url.startswith("https:")
    keys = Fetching(lambda: asyncio.to_thread(_aws, credential), timeout)
    return AwsSignature(keys, auth.service, target.region, secure)


async def _entra(pool: Pool, auth: Auth, credential: Credential) -> Fetched[str]:
    """The client-credentials grant of the Microsoft identity platform (OAuth 2.0, RFC 6749 section 4.4; RFC 7523)."""
    secret = credential.reveal()
    form = {"grant_type": "client_credentials", "client_id": auth.client, "scope": auth.scope}
    if auth.federated:
        kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        form |= {"client_assertion_type": kind, "client_assertion": secret}
    else:
        form["client_secret"] = secret
    url = f"{auth.authority}/{auth.tenant}/oauth2/v2.0/token"
    try:
        got = await post(pool, url, urlencode(form).encode(), {}, MAX_TOKEN_BYTES, "application/x-www-form-urlencoded")
    except (UpstreamError, StaleConnectionError) as error:
        raise SecretUnavailable(f"the authority of {credential.reference} cannot be reached ({error})") from None
    if got.status != 200:
        raise SecretUnavailable(f"the authority refused {credential.reference} with status {got.status}")
    try:
        token = msgspec.json.decode(got.body, type=_Token)
    except msgspec.DecodeError:
        raise SecretUnavailable(f"the authority of {credential.reference} sent no token") from None
    if not token.access_token.isascii() or not token.access_token.isprintable() or token.expires_in <= 0:
        raise SecretUnavailable(f"the authority of {credential.reference} sent no usable token")
    return Fetched(token.access_token, token.expires_in)


class _Token(msgspec.Struct):
    access_token: str
    expires_in: float


def _google(path: str | None, scope: str) -> Fetched[str]:
    """A token by google-auth, of a service account's file or as the machine offers (application default credentials)."""
    import google.auth
    from google.auth.exceptions import GoogleAuthError
    from google.auth.transport.requests import Request
    from google.oauth2.service_account import Credentials

    found: Any
    try:
        if path is None:
            found, _ = google.auth.default(scopes=[scope])
        else:
            found = Credentials.from_service_account_file(path, scopes=[scope])  # type: ignore[no-untyped-call]
        found.refresh(Request())
    except (GoogleAuthError, OSError, ValueError) as error:
        raise SecretUnavailable(f"google-auth made no token ({type(error).__name__})") from None
    if not found.token:
        raise SecretUnavailable("google-auth made no token")
    # its time of expiry is in UTC, and does not say so
    left = 3_600.0 if found.expiry is None else found.expiry.replace(tzinfo=UTC).timestamp() - time()
    return Fetched(str(found.token), max(left, 1.0))


def _aws(credential: Credential | None) -> Fetched[Any]:
    """A key for signatures: the credential's own, else as botocore finds it (environment, profile, role of the machine)."""
    from botocore.credentials import Credentials
    from botocore.exceptions import BotoCoreError
    from botocore.session import Session

    if credential is not None:
        id, _, rest = credential.reveal().partition(":")
        secret, _, token = rest.partition(":")
        if not id or not secret:
            raise SecretUnavailable(f"{credential.reference} is not of the form id:secret or id:secret:token")
        return Fetched(Credentials(id, secret, token or None), 1.0)
    try:
        found = Session().get_credentials()
        if found is None:
            raise SecretUnavailable("this machine has no AWS credential")
        return Fetched(found.get_frozen_credentials(), AWS_SECONDS)
    except BotoCoreError as error:
        raise SecretUnavailable(f"botocore found no credential ({type(error).__name__})") from None
