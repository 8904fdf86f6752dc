"""The playground: what a policy finds and does in a text. Nothing of it is stored, recorded or logged."""

from typing import Any

from fastapi import FastAPI
from sqlalchemy import Connection

from sluicegate.core.dialect import Dialect, Json
from sluicegate.core.errors import GatewayError
from sluicegate.dlp.policy import Policy, PolicyError, RowError, UnknownPolicy
from sluicegate.identity.sessions import Caller
from sluicegate.store import tables
from sluicegate.web.admin import guardrail_models as models
from sluicegate.web.admin.context import AdminContext
from sluicegate.web.admin.guarded import Current
from sluicegate.web.admin.guardrails import PATH
from sluicegate.web.admin.problems import Problem
from sluicegate.web.admin.reach import Record, find
from sluicegate.web.trial import DIALECT, Result, Subject, answer_of, prompt_of


class PlaygroundRoutes:
    """Trying policies out."""

    def __init__(self, context: AdminContext) -> None:
        self._context = context

    def register(self, app: FastAPI) -> None:
        """Add the route."""
        app.add_api_route(f"{PATH}/try", self.attempt, methods=["POST"], response_model=models.Tried)

    async def attempt(self, caller: Current, body: models.Try) -> Record:
        """Try a policy in force, or one that is only written down, on a text or a document."""
        if (body.text is None) == (body.request is None):
            raise Problem(422, "Send either `text` or `request`.", field="body")
        dialect, document = self._document(body)
        policy = await self._policy(caller, body)
        trial, subject = self._context.trial, Subject(body.team, body.role)
        try:
            attempt = trial.prompt if body.direction == "prompt" else trial.answer
            result = await attempt(policy, dialect, document, subject)
        except GatewayError as error:
            raise Problem(422, error.message, field="body.request") from None
        return _shown(result, policy, text=body.text is not None)

    def _document(self, body: models.Try) -> tuple[Dialect, Json]:
        name = DIALECT if body.dialect is None or body.text is not None else body.dialect
        dialect = self._context.dialects.get(name)
        if dialect is None:
            raise Problem(422, "Bodies of this dialect are not read here.", field="body.dialect")
        if body.request is not None:
            return dialect, body.request
        said = body.text or ""
        return dialect, prompt_of(said) if body.direction == "prompt" else answer_of(said)

    async def _policy(self, caller: Caller, body: models.Try) -> Policy:
        policies = self._context.policies
        organisation = await self._context.database.read(lambda connection: _organisation(connection, caller, body))
        if body.document is None:
            try:
                return policies.policy(body.policy or "default", organisation)
            except UnknownPolicy:
                raise Problem(422, "No guardrail policy in force has this name.", field="body.policy") from None
        if body.policy is not None:
            raise Problem(422, "Send either `policy` or `document`.", field="body")
        try:
            return await policies.tried(body.document)
        except RowError as error:
            raise Problem(422, error.place, field="body.document") from None
        except UnicodeEncodeError:
            raise Problem(422, "A text holds half of a surrogate pair.", field="body.document") from None
        except PolicyError:
            raise Problem(409, "The policy file is broken, so that nothing can be compiled beside it.") from None


def _organisation(connection: Connection, caller: Caller, body: models.Try) -> str | None:
    """Whose policies are meant. Raises Problem 404 for an organisation out of reach."""
    if body.organisation_id is None:
        return caller.organisation
    find(connection, tables.organisation, body.organisation_id, caller)
    return body.organisation_id


def _shown(result: Result, policy: Policy, *, text: bool) -> dict[str, Any]:
    decision = result.decision
    return {
        "policy": policy.name,
        "version": policy.version,
        "verdict": decision.verdict,
        "reason": decision.reason,
        "detail": decision.detail,
        "findings": [{name: getattr(each, name) for name in models.TriedFinding.model_fields} for each in result.findings],
        "complete": result.complete,
        "edited": result.edited,
        "on_prem_only": result.on_prem_only,
        "text": result.text if text else None,
        "request": None if text else result.document,
    }
