"""Who may do what: the roles, the permissions, and the one table between them. What it does not list is refused."""

from collections.abc import Mapping
from enum import StrEnum


class Role(StrEnum):
    """What a person is here for. `docs/roles.md` describes each."""

    OWNER = "owner"
    ADMIN = "admin"
    SECURITY_OFFICER = "security_officer"
    AUDITOR = "auditor"
    TEAM_LEAD = "team_lead"
    DEVELOPER = "developer"
    VIEWER = "viewer"


class Permission(StrEnum):
    """What a route of the admin API asks for."""

    SESSION_OWN = "session.own"
    ORGANISATION_READ = "organisation.read"
    ORGANISATION_WRITE = "organisation.write"
    TEAM_READ = "team.read"
    TEAM_WRITE = "team.write"
    USE_CASE_READ = "use_case.read"
    USE_CASE_WRITE = "use_case.write"
    KEY_READ = "key.read"
    KEY_WRITE = "key.write"
    KEY_REVOKE = "key.revoke"
    PROVIDER_READ = "provider.read"
    PROVIDER_WRITE = "provider.write"
    DEPLOYMENT_READ = "deployment.read"
    DEPLOYMENT_WRITE = "deployment.write"
    GUARDRAIL_READ = "guardrail.read"
    GUARDRAIL_WRITE = "guardrail.write"
    AUDIT_READ = "audit.read"


_ALL = frozenset(Role)
_CONTROL = frozenset({Role.OWNER, Role.ADMIN, Role.SECURITY_OFFICER, Role.AUDITOR})

PERMITTED: Mapping[Permission, frozenset[Role]] = {
    Permission.SESSION_OWN: _ALL,
    Permission.ORGANISATION_READ: _ALL,
    Permission.ORGANISATION_WRITE: frozenset({Role.OWNER}),
    Permission.TEAM_READ: _ALL,
    Permission.TEAM_WRITE: frozenset({Role.OWNER, Role.ADMIN}),
    Permission.USE_CASE_READ: _ALL,
    Permission.USE_CASE_WRITE: frozenset({Role.OWNER, Role.ADMIN, Role.SECURITY_OFFICER}),
    Permission.KEY_READ: _ALL - {Role.VIEWER},
    Permission.KEY_WRITE: frozenset({Role.OWNER, Role.ADMIN, Role.TEAM_LEAD}),
    Permission.KEY_REVOKE: frozenset({Role.OWNER, Role.ADMIN, Role.SECURITY_OFFICER, Role.TEAM_LEAD}),
    Permission.PROVIDER_READ: _CONTROL,
    Permission.PROVIDER_WRITE: frozenset({Role.OWNER, Role.ADMIN}),
    Permission.DEPLOYMENT_READ: _ALL,
    Permission.DEPLOYMENT_WRITE: frozenset({Role.OWNER, Role.ADMIN}),
    Permission.GUARDRAIL_READ: _CONTROL,
    Permission.GUARDRAIL_WRITE: frozenset({Role.OWNER, Role.SECURITY_OFFICER}),
    Permission.AUDIT_READ: _CONTROL,
}
"""Which roles hold a permission. Rows of another organisation stay out of reach whatever the role, and what belongs to no
organisation (organisations themselves, providers, deployments) is written only by users who administer the installation."""


def permits(role: str, permission: Permission) -> bool:
    """Whether `role`, as stored with a user, holds `permission`; a role nobody knows holds none."""
    return role in PERMITTED.get(permission, frozenset())
