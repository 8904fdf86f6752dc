"""Every HTTP route, and who may use it. A route that does not stand here cannot be registered.

`authentication` says what a caller must bring, `authorisation` the permission it needs (`identity/roles.py`), and
`tenant_scope` whose objects it reaches. `docs/api.md` repeats this table, and a test holds the two together.
"""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from sluicegate.identity.roles import Permission


class Authentication(StrEnum):
    """What a caller must bring."""

    NONE = "none"
    PASSWORD = "password"  # noqa: S105  a word for how one logs in, not a secret
    SESSION = "session"
    VIRTUAL_KEY = "virtual_key"


class TenantScope(StrEnum):
    """Whose objects a route reaches."""

    NONE = "none"
    """It reaches nobody's."""
    KEY = "key"
    """Those of the virtual key's organisation and use case."""
    ORGANISATION = "organisation"
    """Those of the caller's organisation; another's do not exist (404)."""
    INSTALLATION = "installation"
    """What belongs to no organisation; only users who administer the installation (403)."""
    SHARED = "shared"
    """What every organisation may read."""


GEMINI_VERBS = ("generateContent", "streamGenerateContent", "countTokens", "embedContent", "batchEmbedContents")
"""What may be asked of a model in Google's way."""
PUBLIC = "public"
"""The authorisation of a route that everybody may use."""
USE_CASE = "use_case"
"""The authorisation of a route whose use the key's use case decides (`stages/s2_scope.py`)."""


class Route(msgspec.Struct, frozen=True):
    """One route: `path` as a template, where `{name:path}` may hold slashes."""

    method: str
    path: str
    authentication: Authentication
    authorisation: str
    tenant_scope: TenantScope


def _llm(method: str, path: str, *prefixes: str) -> tuple[Route, ...]:
    """A surface at its own path and below each of `prefixes`."""
    paths = (path, *(prefix + path for prefix in prefixes))
    return tuple(Route(method, each, Authentication.VIRTUAL_KEY, USE_CASE, TenantScope.KEY) for each in paths)


def _gemini(model: str) -> tuple[Route, ...]:
    """What Google's clients ask of a model, by a verb behind its name."""
    return tuple(route for verb in GEMINI_VERBS for route in _llm("POST", f"{model}:{verb}", "/gemini"))


def _open(path: str) -> Route:
    return Route("GET", path, Authentication.NONE, PUBLIC, TenantScope.NONE)


def _admin(method: str, path: str, permission: Permission, scope: TenantScope) -> Route:
    return Route(method, f"/api/v1/{path}", Authentication.SESSION, permission.value, scope)


_OWN, _ALL, _SHARED = TenantScope.ORGANISATION, TenantScope.INSTALLATION, TenantScope.SHARED

ROUTES: tuple[Route, ...] = (
    *_llm("POST", "/v1/chat/completions", "/openai"),
    *_llm("POST", "/v1/responses", "/openai"),
    *_llm("GET", "/v1/responses/{id}", "/openai"),
    *_llm("DELETE", "/v1/responses/{id}", "/openai"),
    *_llm("GET", "/v1/responses/{id}/input_items", "/openai"),
    *_llm("POST", "/v1/responses/{id}/cancel", "/openai"),
    *_llm("POST", "/v1/messages", "/anthropic"),
    *_llm("POST", "/v1/messages/count_tokens", "/anthropic"),
    *_gemini("/v1beta/models/{model:path}"),
    *_gemini("/v1/models/{model:path}"),
    *_llm("POST", "/v1/completions", "/openai"),
    *_llm("POST", "/v1/embeddings", "/openai"),
    *_llm("POST", "/v1/moderations", "/openai"),
    *_llm("POST", "/v1/images/generations", "/openai"),
    *_llm("POST", "/v1/audio/speech", "/openai"),
    *_llm("POST", "/v1/audio/transcriptions", "/openai"),
    *_llm("GET", "/v1/models", "/openai", "/anthropic", "/gemini"),
    *_llm("GET", "/v1/models/{model:path}", "/openai", "/anthropic", "/gemini"),
    *_llm("GET", "/v1beta/models", "/gemini"),
    *_llm("GET", "/v1beta/models/{model:path}", "/gemini"),
    *_llm("POST", "/k/{key}/{surface:path}"),
    *_llm("GET", "/k/{key}/{surface:path}"),
    *_llm("DELETE", "/k/{key}/{surface:path}"),
    _open("/metrics"),
    _open("/api/v1/health"),
    _open("/api/v1/ready"),
    _open("/api/v1/openapi.json"),
    Route("POST", "/api/v1/session", Authentication.PASSWORD, PUBLIC, TenantScope.NONE),
    _admin("GET", "session", Permission.SESSION_OWN, _OWN),
    _admin("DELETE", "session", Permission.SESSION_OWN, _OWN),
    _admin("GET", "organisations", Permission.ORGANISATION_READ, _OWN),
    _admin("POST", "organisations", Permission.ORGANISATION_WRITE, _ALL),
    _admin("GET", "organisations/{id}", Permission.ORGANISATION_READ, _OWN),
    _admin("GET", "teams", Permission.TEAM_READ, _OWN),
    _admin("POST", "teams", Permission.TEAM_WRITE, _OWN),
    _admin("GET", "teams/{id}", Permission.TEAM_READ, _OWN),
    _admin("PATCH", "teams/{id}", Permission.TEAM_WRITE, _OWN),
    _admin("GET", "use-cases", Permission.USE_CASE_READ, _OWN),
    _admin("POST", "use-cases", Permission.USE_CASE_WRITE, _OWN),
    _admin("GET", "use-cases/{id}", Permission.USE_CASE_READ, _OWN),
    _admin("PATCH", "use-cases/{id}", Permission.USE_CASE_WRITE, _OWN),
    _admin("GET", "keys", Permission.KEY_READ, _OWN),
    _admin("POST", "keys", Permission.KEY_WRITE, _OWN),
    _admin("GET", "keys/{id}", Permission.KEY_READ, _OWN),
    _admin("POST", "keys/{id}/revoke", Permission.KEY_REVOKE, _OWN),
    _admin("POST", "keys/{id}/rotate", Permission.KEY_WRITE, _OWN),
    _admin("GET", "providers", Permission.PROVIDER_READ, _ALL),
    _admin("POST", "providers", Permission.PROVIDER_WRITE, _ALL),
    _admin("GET", "providers/{name:path}", Permission.PROVIDER_READ, _ALL),
    _admin("PATCH", "providers/{name:path}", Permission.PROVIDER_WRITE, _ALL),
    _admin("DELETE", "providers/{name:path}", Permission.PROVIDER_WRITE, _ALL),
    _admin("GET", "models", Permission.DEPLOYMENT_READ, _SHARED),
    _admin("GET", "deployments", Permission.DEPLOYMENT_READ, _SHARED),
    _admin("POST", "deployments", Permission.DEPLOYMENT_WRITE, _ALL),
    _admin("GET", "deployments/{name:path}", Permission.DEPLOYMENT_READ, _SHARED),
    _admin("PATCH", "deployments/{name:path}", Permission.DEPLOYMENT_WRITE, _ALL),
    _admin("DELETE", "deployments/{name:path}", Permission.DEPLOYMENT_WRITE, _ALL),
    _admin("GET", "routing/explain", Permission.USE_CASE_READ, _OWN),
    _admin("GET", "guardrails", Permission.GUARDRAIL_READ, _OWN),
    _admin("POST", "guardrails", Permission.GUARDRAIL_WRITE, _OWN),
    _admin("GET", "guardrails/state", Permission.GUARDRAIL_READ, _OWN),
    _admin("GET", "guardrails/names", Permission.GUARDRAIL_READ, _OWN),
    _admin("POST", "guardrails/try", Permission.GUARDRAIL_READ, _OWN),
    _admin("GET", "guardrails/{id}", Permission.GUARDRAIL_READ, _OWN),
    _admin("PATCH", "guardrails/{id}", Permission.GUARDRAIL_WRITE, _OWN),
    _admin("POST", "guardrails/{id}/revert", Permission.GUARDRAIL_WRITE, _OWN),
    _admin("POST", "guardrails/{id}/deactivate", Permission.GUARDRAIL_WRITE, _OWN),
    _admin("GET", "guardrails/{id}/versions/{version}", Permission.GUARDRAIL_READ, _OWN),
    _admin("GET", "audit/entries", Permission.AUDIT_READ, _OWN),
    _admin("GET", "audit/checkpoints", Permission.AUDIT_READ, _SHARED),
    _admin("GET", "audit/public-key", Permission.AUDIT_READ, _SHARED),
)

_DECLARED: Mapping[tuple[str, str], Route] = {(route.method, route.path): route for route in ROUTES}


class UndeclaredRoute(Exception):
    """A route is being registered that this table does not declare."""


def declared(method: str, path: str) -> Route:
    """The declaration of a route. Raises UndeclaredRoute."""
    try:
        return _DECLARED[method, path]
    except KeyError:
        raise UndeclaredRoute(f"{method} {path} is not declared in web/routes.py") from None
