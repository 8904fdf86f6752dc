"""The ways out that detectors are given: HTTP over the shared pool, and models on premises, through their own providers."""

from collections.abc import Callable, Mapping

import msgspec

from sluicegate.core.decision import Reason
from sluicegate.core.dialect import DialectName
from sluicegate.core.errors import UpstreamError
from sluicegate.core.provider import Place, Provider, Request, Target
from sluicegate.dlp.external.doors import Doors, Reply
from sluicegate.providers.pool import Pool
from sluicegate.providers.post import post
from sluicegate.secrets.reference import credential

MAX_ANSWER_BYTES = 256 * 1024
_SPOKEN = frozenset((DialectName.OPENAI_CHAT, DialectName.ANTHROPIC_MESSAGES))


class _Said(msgspec.Struct):
    content: str


class _Choice(msgspec.Struct):
    message: _Said


class _Completion(msgspec.Struct):
    choices: list[_Choice]


class _Block(msgspec.Struct):
    type: str
    text: str = ""


class _Message(msgspec.Struct):
    content: list[_Block]


_encode = msgspec.json.Encoder().encode
_completion = msgspec.json.Decoder(_Completion)
_message = msgspec.json.Decoder(_Message)


def open_doors(doors: Doors, pool: Pool, find: Callable[[str], Target | None], providers: Mapping[str, Provider]) -> None:
    """Let calls out. `find` finds a deployment by its name, `providers` are by kind."""

    async def send(url: str, body: bytes, headers: Mapping[str, str], max_bytes: int) -> Reply:
        answer = await post(pool, url, body, headers, max_bytes)
        return Reply(answer.status, answer.body)

    async def ask(deployment: str, system: str, user: str, max_tokens: int) -> str:
        target = find(deployment)
        provider = None if target is None else providers.get(target.kind)
        if target is None or provider is None or target.place is not Place.ON_PREM or target.upstream_model == "*":
            raise UpstreamError(Reason.NO_PERMITTED_ROUTE, "The deployment is not one model on premises.")
        return await _asked(provider, target, system, user, max_tokens)

    doors.open(send, ask, credential)


async def _asked(provider: Provider, target: Target, system: str, user: str, max_tokens: int) -> str:
    """The text of the model's answer, asked in a dialect of its deployment."""
    dialect = next((spoken for spoken in target.dialects if spoken in _SPOKEN), None)
    if dialect is None:
        raise UpstreamError(Reason.NO_PERMITTED_ROUTE, "The deployment speaks no dialect that detectors ask in.")
    said: list[dict[str, str]] = [{"role": "user", "content": user}]
    document: dict[str, object] = {"model": target.upstream_model, "temperature": 0, "max_tokens": max_tokens}
    if dialect is DialectName.ANTHROPIC_MESSAGES:
        document |= {"system": system, "messages": said}
    else:
        document["messages"] = [{"role": "system", "content": system}, *said]
    body = b""
    request = Request(dialect=dialect, model=target.upstream_model, body=_encode(document))
    async with provider.send(target, request) as answer:
        while events := await answer.read():
            body += b"".join(event.data for event in events)
            if len(body) > MAX_ANSWER_BYTES:
                raise UpstreamError(Reason.UPSTREAM_INVALID, "The model's answer is longer than a verdict can be.")
    try:
        if dialect is DialectName.ANTHROPIC_MESSAGES:
            return "".join(block.text for block in _message.decode(body).content if block.type == "text")
        return _completion.decode(body).choices[0].message.content
    except (msgspec.DecodeError, UnicodeDecodeError, IndexError):
        raise UpstreamError(Reason.UPSTREAM_INVALID, "The model's answer holds no text.") from None
