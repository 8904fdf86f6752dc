"""A dialect: how a body reads. It is a view over the client's own JSON, which stays as it was written."""

from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import Any, Protocol, TypeGuard, runtime_checkable

import msgspec

from sluicegate.core.errors import GatewayError
from sluicegate.core.event import Event
from sluicegate.core.usage import Unit, Usage

Json = dict[str, Any]


class DialectName(StrEnum):
    """The bodies a provider may speak."""

    OPENAI_CHAT = "openai_chat"
    ANTHROPIC_MESSAGES = "anthropic_messages"
    OPENAI_RESPONSES = "openai_responses"
    OPENAI_COMPLETIONS = "openai_completions"
    OPENAI_EMBEDDINGS = "openai_embeddings"
    OPENAI_MODERATIONS = "openai_moderations"
    OPENAI_IMAGES = "openai_images"
    OPENAI_SPEECH = "openai_speech"
    OPENAI_TRANSCRIPTIONS = "openai_transcriptions"
    ANTHROPIC_COUNT_TOKENS = "anthropic_count_tokens"
    GEMINI = "gemini"
    GEMINI_COUNT_TOKENS = "gemini_count_tokens"
    GEMINI_EMBED = "gemini_embed"
    GEMINI_BATCH_EMBED = "gemini_batch_embed"
    OPENAI_MODELS = "openai_models"
    ANTHROPIC_MODELS = "anthropic_models"
    GEMINI_MODELS = "gemini_models"
    BEDROCK_CONVERSE = "bedrock_converse"


ANSWERED_HERE = frozenset((DialectName.OPENAI_MODELS, DialectName.ANTHROPIC_MODELS, DialectName.GEMINI_MODELS))
"""What the gateway answers by itself: no provider is asked in it."""

MODEL_IN_ADDRESS = frozenset(
    (
        DialectName.GEMINI,
        DialectName.GEMINI_COUNT_TOKENS,
        DialectName.GEMINI_EMBED,
        DialectName.GEMINI_BATCH_EMBED,
        DialectName.BEDROCK_CONVERSE,
    )
)
"""Bodies that name no model: the address does."""


class Feature(StrEnum):
    """What a request may ask of a provider beyond text in and text out; refused unless the use case allows it."""

    TOOLS = "tools"
    """Tools the client runs itself, declared by name."""
    HOSTED_TOOLS = "hosted_tools"
    """Tools the provider runs: web search, code execution, computer use, remote MCP servers."""
    STORED_STATE = "stored_state"
    """State kept at the provider: stored completions, containers, sessions."""
    REMOTE_FILES = "remote_files"
    """Files kept at the provider, named by id."""
    REMOTE_URLS = "remote_urls"
    """Addresses the provider is asked to fetch."""


class SystemMode(StrEnum):
    """What becomes of a client's own system prompt."""

    DROP = "drop"
    APPEND = "append"


class Place(StrEnum):
    """Where in a document a text stands."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL_DEFINITION = "tool_definition"
    TOOL_ARGUMENTS = "tool_arguments"
    TOOL_RESULT = "tool_result"
    OTHER = "other"


class Ask(msgspec.Struct, frozen=True, gc=False):
    """What a request asks for, as far as governance must know."""

    model: str
    """The name that is asked for; empty where none is, and the gateway answers by itself (a list of models)."""
    stream: bool
    max_tokens: int | None
    """The client's own bound on output tokens, for each choice."""
    choices: int = 1
    features: frozenset[Feature] = frozenset()
    tools: tuple[str, ...] = ()
    """The names of the client's own tools, in order, without repeats."""
    blobs: int = 0
    """How many images, files and sounds ride along as data."""
    blob_bytes: int = 0
    """The encoded size of those in the document, bytes."""
    media: bool = False
    """Whether the answer may be more than text: sounds or images."""
    premium: bool = False
    """Whether another tier of service than the standard one is asked for."""
    unit: Unit | None = None
    """What is charged for where the deployment has a price for it, instead of tokens."""
    units: int = 0
    """How many of those at most."""


class Nested(msgspec.Struct, gc=False):
    """JSON inside a string (OpenAI tool arguments): decoded for inspection, written back only if a span in it changed."""

    holder: Any
    key: str | int
    document: Any


class Form(StrEnum):
    """How a span is written in its document."""

    TEXT = "text"
    KEY = "key"
    """A dictionary key; `holder` is the dictionary and `key` the key itself."""
    NUMBER = "number"
    """A number; `text` is its JSON spelling."""


class Span(msgspec.Struct, gc=False):
    """One governed string of a request: where it stands, and what it says."""

    holder: Any
    """The dictionary or list that holds it, or what takes a new text in their way (a text inside data)."""
    key: str | int
    text: str
    place: Place
    form: Form = Form.TEXT
    nested: Nested | None = None
    sealed: str = ""
    """What it is part of in which nothing can be replaced: a file it was read from (`pdf`), or a thought (`thinking`), which
    its model takes back only as it was. Empty where the document may be edited."""


class File(msgspec.Struct, gc=False):
    """A file of a request, of a kind whose text takes time to read."""

    kind: str
    data: str
    """In base64, as the request has it."""
    place: Place


class Bounds(msgspec.Struct, frozen=True, gc=False):
    """What JSON inside the strings of a request may hold: how deep each, and how many values all together."""

    depth: int = 100
    values: int = 200_000


BOUNDS = Bounds()


class Reading(msgspec.Struct, gc=False):
    """All governed text of a request. `unread` names the kind of each part that holds no readable text (`image`, …)."""

    spans: list[Span]
    unread: list[str]
    depth: int = BOUNDS.depth
    values: int = BOUNDS.values
    """How many values JSON inside strings may still hold."""
    files: list[File] = msgspec.field(default_factory=list)
    """Files that are still to be read; what cannot be read of them belongs to `unread`."""


class Piece(msgspec.Struct, gc=False):
    """One governed string of an answer's event.

    Pieces of one `channel` (choice × field, content block, tool call × arguments), joined in order of arrival, are one
    text. `json` says that this text is JSON source, in which strings are escaped.
    """

    channel: str
    holder: Any
    key: str | int
    text: str
    json: bool = False
    sealed: bool = False
    """Whether nothing of it may be replaced: a thought, which its model takes back only as it was."""
    again: bool = False
    """Whether this is the channel's text as a whole, be it for the first time or once more; nothing of it follows."""


class SystemEdit(msgspec.Struct, frozen=True, gc=False):
    """What binding the system prompt did: whether one was injected, and how many client ones were dropped or kept."""

    injected: bool = False
    dropped: int = 0
    appended: int = 0

    @property
    def changed(self) -> bool:
        """Whether the document differs from what the client sent."""
        return self.injected or self.dropped > 0


class Answers(Protocol):
    """As much of a dialect as a provider must speak that no client does."""

    name: DialectName

    def ask_usage(self, document: Json) -> bool:
        """See Dialect."""

    def usage(self, event: Event, known: Usage) -> Usage:
        """See Dialect."""

    def finish(self, event: Event) -> str | None:
        """See Dialect."""

    def tool_calls(self, event: Event) -> Sequence[str]:
        """See Dialect."""


class Dialect(Protocol):
    """How one API's requests, answers and errors read."""

    name: DialectName

    def read(self, document: Json) -> Ask:
        """What the request asks for. Raises InvalidRequest naming the field that is missing or of the wrong type."""

    def spans(self, document: Json, bounds: Bounds = BOUNDS) -> Reading:
        """Every governed string of the request: all, except where this dialect lists a place as structural.

        Raises InvalidRequest (TOO_DEEP) for JSON inside strings that is beyond `bounds`.
        """

    def bind_system(self, document: Json, prompt: str | None, mode: SystemMode) -> SystemEdit:
        """Put the use case's prompt first; drop the client's own system and developer text, or leave it behind ours.

        With neither a prompt nor DROP the document stays untouched.
        """

    def ask_usage(self, document: Json) -> bool:
        """Ask the provider to report usage where a stream does not by itself; True if the document changed."""

    def bounded(self, document: Json, tokens: int) -> Json:
        """`document`, which sets no bound on the answer, with one of `tokens` for each choice."""

    def without_usage(self, event: Event) -> Event | None:
        """`event` without what only `ask_usage` brought; None where nothing else was in it."""

    def pieces(self, event: Event) -> list[Piece]:
        """Every governed string of an answer's event, with the channel it belongs to."""

    def redacted(self, event: Event) -> bool:
        """Called from the first redaction of an answer on: remove what would still tell the old text (log probabilities).

        Whether there was any.
        """

    def unread(self, event: Event) -> Sequence[str]:
        """The kind of each part of an answer's event that holds no readable text (`audio`, `image`, …)."""

    def ended(self, event: Event) -> bool:
        """Whether the answer is complete with this event.

        A dialect without a mark of the end leaves that to `Event.last`: it is set once a finish reason was given and the
        connection ended, because other events may still follow the reason.
        """

    def usage(self, event: Event, known: Usage) -> Usage:
        """`known`, with what this event reports of tokens worked in."""

    def finish(self, event: Event) -> str | None:
        """The finish or stop reason this event carries, if any, in this dialect's words."""

    def tool_calls(self, event: Event) -> Sequence[str]:
        """The names of tools that this event starts to call."""

    def heartbeat(self) -> Event:
        """An event that says nothing, to keep the connection alive while events are held back."""

    def failure(self, error: GatewayError, exchange: str, *, streaming: bool) -> bytes:
        """The error as this API's clients know it: a JSON body, or with `streaming` the event bytes that end a stream."""


class Restating(Dialect, Protocol):
    """A dialect whose answers say texts again: their own in later events (`Piece.again`), and fields of the request.

    What is taken out of the list that `pieces` gives stays out for everybody who asks after, until the event is rewritten.
    """

    def echoed(self, event: Event, sent: Json) -> Collection[str]:
        """The channels of `event` whose text is nothing but what the request `sent` says at the same place."""

    def seals(self, sent: Json) -> bool:
        """Whether the request `sent` asks for reasoning with encrypted content, so that its readable part is `sealed`."""

    def answer_id(self, event: Event) -> str | None:
        """The id under which the provider keeps the answer that `event` begins or is."""

    def unsay_prompt(self, event: Event) -> bool:
        """Take out of `event` where it repeats the system prompt, which the gateway has bound; whether it did."""


RESTATING = frozenset({DialectName.OPENAI_RESPONSES})


@runtime_checkable
class Referring(Protocol):
    """The dialect of a request about a stored answer."""

    id: str
    """The answer's."""
    method: str
    tail: str
    """What is called behind the dialect's usual path."""


STORING = frozenset({DialectName.OPENAI_RESPONSES})
"""Dialects in which a provider keeps the answer unless `store` is false."""


def restates(dialect: Dialect | Answers) -> TypeGuard[Restating]:
    """Whether `dialect` is one of those."""
    return dialect.name in RESTATING


@runtime_checkable
class NamesAgain(Protocol):
    """A dialect of `MODEL_IN_ADDRESS` whose documents may say the model's name once more."""

    def for_model(self, document: Json, model: str) -> Json:
        """`document` as it asks for `model`; the same object where it names none."""
