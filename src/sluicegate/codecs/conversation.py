"""The canonical conversation: what every dialect's codec decodes to and encodes from.

Normal form, which every decoder gives: tool results stand in user turns of their own; an assistant turn holds its text
before its tool calls. The arguments of a call stay the JSON text that the model wrote. An answer is a sequence of deltas
whether it was streamed or not, so that both give the client the same.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Literal

import msgspec

from sluicegate.core.usage import Usage


class Text(msgspec.Struct, frozen=True, tag="text"):
    """A run of text."""

    text: str


class Image(msgspec.Struct, frozen=True, tag="image"):
    """A picture: base64 `data` of `media_type`, or a `url`."""

    media_type: str = ""
    data: str = ""
    url: str = ""


class Document(msgspec.Struct, frozen=True, tag="document"):
    """A PDF as base64, with the name it had."""

    data: str
    name: str = ""


class ToolCall(msgspec.Struct, frozen=True, tag="tool_call"):
    """The model asks for a tool; `arguments` is JSON text. `signature` is what Gemini wants back with its calls."""

    id: str
    name: str
    arguments: str
    signature: str = ""


class ToolResult(msgspec.Struct, frozen=True, tag="tool_result"):
    """What a tool gave back."""

    call: str
    parts: tuple[Text | Image, ...]
    error: bool = False


class Thinking(msgspec.Struct, frozen=True, tag="thinking"):
    """Reasoning an answer shows."""

    text: str


Part = Text | Image | Document | ToolCall | ToolResult


class Turn(msgspec.Struct, frozen=True):
    """What one side said."""

    role: Literal["system", "user", "assistant"]
    parts: tuple[Part, ...]


class Tool(msgspec.Struct, frozen=True):
    """A tool the client runs; `schema` is the JSON Schema of its arguments."""

    name: str
    description: str | None
    schema: dict[str, object]
    strict: bool | None = None
    namespace: str = ""
    """Which its client calls it by beside its name; `name` then holds both."""
    custom: bool = False
    """Whether its client takes a text from the model rather than arguments, here the only one of them."""


class Choice(StrEnum):
    """Whether the model must use a tool."""

    NONE = "none"
    AUTO = "auto"
    REQUIRED = "required"
    NAMED = "named"


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """A request. What is None was not given."""

    model: str
    system: tuple[Text, ...] = ()
    turns: tuple[Turn, ...]
    tools: tuple[Tool, ...] = ()
    choice: Choice | None = None
    named_tool: str = ""
    parallel: bool | None = None
    """Whether several tools may be called at once."""
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] = ()
    stream: bool = False
    schema: dict[str, object] | None = None
    """The JSON Schema the answer's text must follow."""
    user: str | None = None
    """The client's name for its end user."""


class Stop(StrEnum):
    """Why an answer ended."""

    END = "end"
    LENGTH = "length"
    TOOLS = "tools"
    SEQUENCE = "sequence"
    REFUSED = "refused"
    PAUSED = "paused"


class Start(msgspec.Struct, frozen=True):
    """An answer begins."""

    id: str
    model: str
    created: int = 0
    """Seconds since the epoch; 0 where the dialect does not say."""


class Said(msgspec.Struct, frozen=True):
    """More text."""

    text: str


class Thought(msgspec.Struct, frozen=True):
    """More reasoning."""

    text: str


class Refused(msgspec.Struct, frozen=True):
    """More of the text of a refusal."""

    text: str


class Called(msgspec.Struct, frozen=True):
    """A tool call begins in `slot`, a number within the answer."""

    slot: int
    id: str
    name: str
    signature: str = ""
    namespace: str = ""
    custom: bool = False
    """As the client declared the tool (`Tool`)."""


class Argued(msgspec.Struct, frozen=True):
    """More of the arguments of the call in `slot`."""

    slot: int
    text: str


class Finished(msgspec.Struct, frozen=True):
    """Nothing more will be said."""

    stop: Stop
    sequence: str | None = None


class Counted(msgspec.Struct, frozen=True):
    """The tokens so far."""

    usage: Usage


class Ended(msgspec.Struct, frozen=True):
    """The answer is over."""


class Broken(msgspec.Struct, frozen=True):
    """The provider ended the answer with an error."""

    message: str


Delta = Start | Said | Thought | Refused | Called | Argued | Finished | Counted | Ended | Broken


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer."""

    id: str = ""
    model: str = ""
    created: int = 0
    parts: tuple[Text | Thinking | ToolCall, ...] = ()
    """Neighbouring text is one part."""
    refusal: str = ""
    stop: Stop = Stop.END
    sequence: str | None = None
    usage: Usage | None = None


class Accumulator:
    """Deltas in, a whole answer out."""

    def __init__(self) -> None:
        self._start = Start("", "")
        self._finished = Finished(Stop.END)
        self._usage: Usage | None = None
        self._refusal: list[str] = []
        self._parts: list[tuple[type[Said | Thought] | Called, list[str]]] = []
        self._calls: dict[int, list[str]] = {}

    def feed(self, deltas: Iterable[Delta]) -> None:
        """Take the next deltas."""
        for delta in deltas:
            if isinstance(delta, Said | Thought):
                if not self._parts or self._parts[-1][0] is not type(delta):
                    self._parts.append((type(delta), []))
                self._parts[-1][1].append(delta.text)
            elif isinstance(delta, Called):
                arguments: list[str] = []
                self._calls[delta.slot] = arguments
                self._parts.append((delta, arguments))
            elif isinstance(delta, Argued):
                self._calls[delta.slot].append(delta.text)
            elif isinstance(delta, Refused):
                self._refusal.append(delta.text)
            elif isinstance(delta, Start):
                self._start = delta
            elif isinstance(delta, Finished):
                self._finished = delta
            elif isinstance(delta, Counted):
                self._usage = delta.usage

    def answer(self) -> Answer:
        """What was said so far."""
        return Answer(
            id=self._start.id,
            model=self._start.model,
            created=self._start.created,
            parts=tuple(part for part in (_part(kind, "".join(texts)) for kind, texts in self._parts) if part is not None),
            refusal="".join(self._refusal),
            stop=self._finished.stop,
            sequence=self._finished.sequence,
            usage=self._usage,
        )


def _part(kind: type[Said | Thought] | Called, text: str) -> Text | Thinking | ToolCall | None:
    if isinstance(kind, Called):
        return ToolCall(kind.id, kind.name, text or "{}", kind.signature)
    if not text:
        return None
    return Text(text) if kind is Said else Thinking(text)


def deltas(answer: Answer) -> list[Delta]:
    """The deltas that a whole answer is made of."""
    out: list[Delta] = [Start(answer.id, answer.model, answer.created)]
    for slot, part in enumerate(answer.parts):
        if isinstance(part, ToolCall):
            out += [Called(slot, part.id, part.name, part.signature), Argued(slot, part.arguments)]
        else:
            out.append(Said(part.text) if isinstance(part, Text) else Thought(part.text))
    if answer.refusal:
        out.append(Refused(answer.refusal))
    out.append(Finished(answer.stop, answer.sequence))
    if answer.usage is not None:
        out.append(Counted(answer.usage))
    out.append(Ended())
    return out
