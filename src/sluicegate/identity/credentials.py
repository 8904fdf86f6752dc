"""Where a request carries its virtual key: `X-Sluicegate-Key`, `Authorization: Bearer`, `x-api-key`, `api-key` or
`x-goog-api-key`.

A key in the path or query reaches this as one of these headers, where a surface takes it (`web/llm.py`). A credential
anywhere else (cookie, body) is no credential. Nothing is trimmed: HTTP has already taken the
white space around a header's value, and what is left is either a key or not one.

Where `X-Sluicegate-Key` names the caller, a credential in another header is the client's own, for its provider.
"""

from collections.abc import Mapping

from sluicegate.core.decision import Reason
from sluicegate.identity.keys import ADMIN_PREFIX

KEY = "x-sluicegate-key"
PLAIN = (KEY, "x-api-key", "api-key", "x-goog-api-key")
OWN = ("authorization", "x-api-key", "api-key", "x-goog-api-key")
"""Where providers look for a credential."""
HEADERS = ("authorization", *PLAIN)
"""All the headers that are looked at."""


def bearer(headers: Mapping[str, str]) -> str:
    """The token of `Authorization: Bearer` (RFC 6750; the scheme in any case); empty if there is none."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else ""


def own(headers: Mapping[str, str]) -> str:
    """What the client shows its provider, where `X-Sluicegate-Key` names it here; empty if nothing, or the key again."""
    key = headers.get(KEY)
    if not key:
        return ""
    again = (None, "", key, f"Bearer {key}")
    return "\n".join([value for name in OWN if (value := headers.get(name)) not in again and value is not None])


def find(headers: Mapping[str, str]) -> str | Reason:
    """The one credential in `headers` (names in lower case), or why there is none to use.

    NO_CREDENTIAL: none, an empty one, or another scheme. ADMIN_CREDENTIAL: one of them is an administrator's session.
    KEY_MALFORMED: two headers carry different ones, and it is not for the gateway to choose.
    """
    named = headers.get(KEY)
    if named:
        administrators = named.startswith(ADMIN_PREFIX) or _contradiction(headers) is Reason.ADMIN_CREDENTIAL
        return Reason.ADMIN_CREDENTIAL if administrators else named
    value = headers.get("authorization", "")
    found = value[7:] if value[:7] == "Bearer " else bearer(headers)
    for name in PLAIN:
        other = headers.get(name)
        if other and other != found:
            if found:
                return _contradiction(headers)
            found = other
    if not found:
        return Reason.NO_CREDENTIAL
    return Reason.ADMIN_CREDENTIAL if found.startswith(ADMIN_PREFIX) else found


def _contradiction(headers: Mapping[str, str]) -> Reason:
    values = [bearer(headers), *(headers.get(name, "") for name in PLAIN)]
    return Reason.ADMIN_CREDENTIAL if any(value.startswith(ADMIN_PREFIX) for value in values) else Reason.KEY_MALFORMED
