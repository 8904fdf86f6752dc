"""The ways out that detectors and the cache are given: HTTP over the shared pool, models on premises by their providers."""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from sluicegate.core.decision import Reason
from sluicegate.core.dialect import DialectName
from sluicegate.core.errors import UpstreamError
from sluicegate.core.provider import Place, Provider, Request, Target
from sluicegate.dlp.external.doors import Doors, Reply
from sluicegate.providers.pool import Pool
from sluicegate.providers.post import post
from sluicegate.routing.near import Embed, Meaning
from sluicegate.routing.rules import within
from sluicegate.secrets.reference import credential

MAX_ANSWER_BYTES = 256 * 1024
_SPOKEN = frozenset((DialectName.OPENAI_CHAT, DialectName.ANTHROPIC_MESSAGES))


class _Said(msgspec.Struct):
    content: str


class _Choice(msgspec.Struct):
    message: _Said


class _Completion(msgspec.Struct):
    choices: list[_Choice]


class _Vector(msgspec.Struct):
    embedding: list[float]


class _Vectors(msgspec.Struct):
    data: list[_Vector]


class _Block(msgspec.Struct):
    type: str
    text: str = ""


class _Message(msgspec.Struct):
    content: list[_Block]


_encode = msgspec.json.Encoder().encode
_completion = msgspec.json.Decoder(_Completion)
_vectors = msgspec.json.Decoder(_Vectors)
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


def embedding(deployment: str, find: Callable[[str], Target | None], providers: Mapping[str, Provider]) -> Embed:
    """What tells the meaning of texts by `deployment`, which must be on premises, like whatever detectors ask: there no
    classification forbids a text to be, and nobody is paid for it.
    """

    async def embed(text: str, regions: Sequence[str]) -> Meaning:
        target = find(deployment)
        provider = None if target is None else providers.get(target.kind)
        if target is None or provider is None or target.place is not Place.ON_PREM or target.upstream_model == "*":
            raise UpstreamError(Reason.NO_PERMITTED_ROUTE, "The deployment is not one model on premises.")
        if DialectName.OPENAI_EMBEDDINGS not in target.dialects or not within(target.region, regions):
            raise UpstreamError(Reason.NO_PERMITTED_ROUTE, "The deployment makes no vectors, or not of this data.")
        body = _encode({"model": target.upstream_model, "input": text, "encoding_format": "float"})
        request = Request(dialect=DialectName.OPENAI_EMBEDDINGS, model=target.upstream_model, body=body)
        try:
            [vector] = _vectors.decode(await _answer(provider, target, request)).data
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
            raise UpstreamError(Reason.UPSTREAM_INVALID, "The model's answer holds no vector.") from None
        return Meaning(deployment, target.upstream_model, vector.embedding)

    return embed


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
    body = await _answer(provider, target, Request(dialect=dialect, model=target.upstream_model, body=_encode(document)))
    try:
        if dialect is DialectName.ANTHROPIC_MESSAGES:
            return "".join(block.text for block in _message.decode(body).content if block.type == "text")
        return _completion.decode(body).choices[0].message.content
    except (msgspec.DecodeError, UnicodeDecodeError, IndexError):
        raise UpstreamError(Reason.UPSTREAM_INVALID, "The model's answer holds no text.") from None


async def _answer(provider: Provider, target: Target, request: Request) -> bytes:
    """The body of the model's answer."""
    body = b""
    async with provider.send(target, request) as answer:
        while events := await answer.read():
            body += b"".join(event.data for event in events)
            if len(body) > MAX_ANSWER_BYTES:
                raise UpstreamError(Reason.UPSTREAM_INVALID, "The model's answer is longer than what it was asked for.")
    return body
