"""Responses answers, streamed and whole, to and from deltas.

Source: `Response` and `ResponseStreamEvent` of openai-python. Items of hosted and custom tools cannot be said elsewhere: an
answer that holds one is refused, not cut.
"""

from collections.abc import Iterable
from typing import Any

from sluicegate.codecs.conversation import (
    Argued,
    Broken,
    Called,
    Counted,
    Delta,
    Ended,
    Finished,
    Refused,
    Said,
    Start,
    Stop,
    Thought,
)
from sluicegate.codecs.events import counted, document_of, invalid, message_of
from sluicegate.codecs.openai_responses_tools import custom_input
from sluicegate.core.dialect import Json
from sluicegate.core.event import Event, sse, whole
from sluicegate.core.usage import Usage

_REASONS = {"max_output_tokens": Stop.LENGTH, "content_filter": Stop.REFUSED}
_INCOMPLETE = {Stop.LENGTH: "max_output_tokens", Stop.REFUSED: "content_filter"}
_TELLING: dict[str, type[Said | Thought | Refused]] = {
    "response.output_text.delta": Said,
    "response.refusal.delta": Refused,
    "response.reasoning_text.delta": Thought,
    "response.reasoning_summary_text.delta": Thought,
}
_ENDS = ("response.completed", "response.incomplete")
_BETWEEN = "\n\n"
"""Stands between the parts of a summary."""


class Decoder:
    """Events of a provider that speaks this dialect in, deltas out. One per answer."""

    def __init__(self) -> None:
        self._called: set[int] = set()
        self._told: set[int] = set()
        """The items of which something came in pieces; the others are taken whole."""

    def feed(self, event: Event) -> list[Delta]:
        """What this event says. Raises UpstreamError (UPSTREAM_INVALID) for what is no answer."""
        document = document_of(event)
        if document is None:
            return []
        if not event.framed:
            items = document.get("output")
            out = [_start(document)]
            for index, item in enumerate(items if type(items) is list else ()):
                out += [*self._begin(index, item), *self._item(index, item)]
            return [*out, *self._end(document)]
        kind = document.get("type")
        told = _TELLING.get(kind) if type(kind) is str else None
        if told is not None:
            self._told.add(_slot(document))
            return [told(text)] if (text := _text(document, "delta")) else []
        if kind == "response.function_call_arguments.delta":
            slot = _slot(document)
            if slot not in self._called:
                raise invalid()
            self._told.add(slot)
            return [Argued(slot, text)] if (text := _text(document, "delta")) else []
        return self._rare(kind, document)

    def _rare(self, kind: Any, document: Json) -> list[Delta]:
        if kind == "response.created":
            return [_start(_object(document, "response"))]
        if kind == "response.output_item.added":
            return self._begin(_slot(document), _object(document, "item"))
        if kind == "response.output_item.done":
            slot = _slot(document)
            return [] if slot in self._told else self._item(slot, _object(document, "item"))
        if kind == "response.reasoning_summary_part.added":
            return [Thought(_BETWEEN)] if document.get("summary_index") not in (None, 0) else []
        if kind in _ENDS:
            return self._end(_object(document, "response"))
        if kind == "response.failed":
            return [Broken(message_of(_object(document, "response")))]
        if kind == "error":
            return [Broken(message_of(document if "error" in document else {"error": document}))]
        return []

    def _begin(self, slot: int, item: Any) -> list[Delta]:
        kind = item.get("type") if type(item) is dict else None
        if kind == "function_call":
            self._called.add(slot)
            return [Called(slot, _text(item, "call_id"), _text(item, "name"))]
        if kind not in ("message", "reasoning"):
            raise invalid()
        return []

    def _item(self, slot: int, item: Json) -> list[Delta]:
        """All that an item says."""
        if item.get("type") == "function_call":
            return [Argued(slot, text)] if (text := _text(item, "arguments")) else []
        out: list[Delta] = []
        for number, part in enumerate(_parts(item, "summary")):
            out += [Thought(_BETWEEN)] if number else []
            out.append(Thought(_text(part, "text")))
        for part in _parts(item, "content"):
            if part.get("type") == "refusal":
                out.append(Refused(_text(part, "refusal")))
            else:
                out.append((Thought if item.get("type") == "reasoning" else Said)(_text(part, "text")))
        return [delta for delta in out if not isinstance(delta, Said | Thought | Refused) or delta.text]

    def _end(self, response: Json) -> list[Delta]:
        status, details = response.get("status"), response.get("incomplete_details")
        if status == "failed":
            return [Broken(message_of(response))]
        if status not in ("completed", "incomplete"):
            raise invalid()
        reason = details.get("reason") if type(details) is dict else None
        stop = _REASONS.get(reason, Stop.END) if status == "incomplete" and type(reason) is str else Stop.END
        out: list[Delta] = [Finished(Stop.TOOLS if stop is Stop.END and self._called else stop)]
        if (usage := _decode_usage(response.get("usage"))) is not None:
            out.append(Counted(usage))
        return [*out, Ended()]


def _start(response: Json) -> Delta:
    created = response.get("created_at")
    return Start(_text(response, "id"), _text(response, "model"), int(created) if isinstance(created, int | float) else 0)


def _slot(document: Json) -> int:
    index = document.get("output_index")
    if type(index) is not int:
        raise invalid()
    return index


def _object(document: Json, field: str) -> Json:
    value = document.get(field)
    if type(value) is not dict:
        raise invalid()
    return value


def _parts(item: Json, field: str) -> list[Json]:
    parts = item.get(field)
    return [part for part in parts if type(part) is dict] if type(parts) is list else []


def _text(document: Json, field: str) -> str:
    value = document.get(field)
    return value if type(value) is str else ""


def _decode_usage(report: Any) -> Usage | None:
    sent, received = counted(report, "input_tokens"), counted(report, "output_tokens")
    if sent is None or received is None:
        return None
    prompt, answer = report.get("input_tokens_details"), report.get("output_tokens_details")
    cached, written = counted(prompt, "cached_tokens") or 0, counted(prompt, "cache_write_tokens") or 0
    return Usage(sent, received, cached, written, counted(answer, "reasoning_tokens") or 0)


def encode_usage(usage: Usage) -> Json:
    """The `usage` object."""
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": usage.cache_write},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.total,
    }


class _Part:
    """The form in which texts of one kind stand: the item, its list, the part, and the events about it."""

    __slots__ = ("added", "field", "index", "item", "kind", "member", "name")

    def __init__(self, item: Json, field: str, index: str, kind: str, member: str, added: str, name: str) -> None:
        self.item, self.field, self.index, self.kind, self.member = item, field, index, kind, member
        self.added, self.name = f"response.{added}_part", f"response.{name}"


_MESSAGE = {"type": "message", "role": "assistant"}
_FORMS = {
    Said: _Part(_MESSAGE, "content", "content_index", "output_text", "text", "content", "output_text"),
    Refused: _Part(_MESSAGE, "content", "content_index", "refusal", "refusal", "content", "refusal"),
    Thought: _Part(
        {"type": "reasoning"},
        "summary",
        "summary_index",
        "summary_text",
        "text",
        "reasoning_summary",
        "reasoning_summary_text",
    ),
}
_MORE: dict[str, Json] = {"output_text": {"annotations": [], "logprobs": []}}
_IDS = {"message": "msg", "reasoning": "rs", "function_call": "fc", "custom_tool_call": "ctc"}


def _fresh(item: Json) -> Json:
    """A copy that a change of another event's does not change."""
    return {
        field: [dict(part) for part in value] if field in ("content", "summary") else value for field, value in item.items()
    }


class StreamEncoder:
    """Deltas in, named events out. Texts stand one after another; calls may be under way at the same time."""

    def __init__(self) -> None:
        self._start = Start("", "")
        self._items: list[Json] = []
        self._open: type[Said | Thought | Refused] | None = None
        self._calls: dict[int, int] = {}
        """The open calls' items by their slots."""
        self._texts: list[str] = []
        self._arguments: dict[int, list[str]] = {}
        self._finished = Finished(Stop.END)
        self._usage: Usage | None = None
        self._sequence = 0

    def feed(self, deltas: Iterable[Delta]) -> list[Event]:
        """The events that say these deltas."""
        out: list[Event] = []
        for delta in deltas:
            if isinstance(delta, Said | Thought | Refused):
                self._say(out, delta)
            elif isinstance(delta, Called):
                self._call(out, delta)
            elif isinstance(delta, Argued):
                self._argue(out, delta)
            elif isinstance(delta, Start):
                self._start = delta
                for kind in ("created", "in_progress"):
                    self._tell(out, f"response.{kind}", response=self._response("in_progress"))
            elif isinstance(delta, Finished):
                self._close(out)
                self._finished = delta
            elif isinstance(delta, Counted):
                self._usage = delta.usage
            elif isinstance(delta, Broken):
                told = {"code": "server_error", "message": delta.message, "param": None}
                self._tell(out, "error", **told, error={**told, "type": "server_error"})
            else:
                self._close(out)
                status = "incomplete" if self._finished.stop in _INCOMPLETE else "completed"
                self._tell(out, f"response.{status}", response=self._response(status))
        return out

    def _tell(self, out: list[Event], kind: str, **fields: Any) -> None:
        out.append(sse({"type": kind, **fields, "sequence_number": self._sequence}, kind))
        self._sequence += 1

    def _say(self, out: list[Event], delta: Said | Thought | Refused) -> None:
        kind = type(delta)
        form = _FORMS[kind]
        if self._open is not kind:
            self._close(out)
            self._begin(out, {**form.item, form.field: []})
            self._open, self._texts = kind, []
            part = {"type": form.kind, form.member: "", **_MORE.get(form.kind, {})}
            self._tell(out, f"{form.added}.added", **self._where(form), part=part)
        self._texts.append(delta.text)
        more: Json = {"logprobs": []} if kind is Said else {}
        self._tell(out, f"{form.name}.delta", **self._where(form), delta=delta.text, **more)

    def _where(self, form: _Part) -> Json:
        """The last item's only part."""
        return {"item_id": self._items[-1]["id"], "output_index": len(self._items) - 1, form.index: 0}

    def _begin(self, out: list[Event], item: Json) -> None:
        index = len(self._items)
        own = "".join(filter(str.isalnum, self._start.id))
        item = {"id": f"{_IDS[item['type']]}_{own}{index:02}", **item, "status": "in_progress"}
        self._items.append(item)
        self._tell(out, "response.output_item.added", output_index=index, item=_fresh(item))

    def _call(self, out: list[Event], call: Called) -> None:
        self._close_text(out)
        kind, said = ("custom_tool_call", "input") if call.custom else ("function_call", "arguments")
        item: Json = {"type": kind, "call_id": call.id, "name": call.name, said: ""}
        self._begin(out, {**item, "namespace": call.namespace} if call.namespace else item)
        self._calls[call.slot] = len(self._items) - 1
        self._arguments[call.slot] = []

    def _argue(self, out: list[Event], delta: Argued) -> None:
        index = self._calls.get(delta.slot)
        if index is None:
            raise invalid()
        self._arguments[delta.slot].append(delta.text)
        if self._items[index]["type"] == "custom_tool_call":
            return  # its text stands inside the arguments, and is told once they are whole
        where = {"item_id": self._items[index]["id"], "output_index": index}
        self._tell(out, "response.function_call_arguments.delta", **where, delta=delta.text)

    def _close(self, out: list[Event]) -> None:
        """Nothing more comes of what is open."""
        self._close_text(out)
        for slot, index in self._calls.items():
            item = self._items[index]
            arguments = "".join(self._arguments[slot]) or "{}"
            where = {"item_id": item["id"], "output_index": index}
            if item["type"] == "custom_tool_call":
                item["input"] = said = custom_input(arguments)
                self._tell(out, "response.custom_tool_call_input.delta", **where, delta=said)
                self._tell(out, "response.custom_tool_call_input.done", **where, input=said)
            else:
                item["arguments"] = arguments
                self._tell(out, "response.function_call_arguments.done", **where, arguments=arguments)
            self._done(out, index)
        self._calls.clear()

    def _close_text(self, out: list[Event]) -> None:
        if self._open is None:
            return
        form, text = _FORMS[self._open], "".join(self._texts)
        part = {"type": form.kind, form.member: text, **_MORE.get(form.kind, {})}
        more: Json = {"logprobs": []} if self._open is Said else {}
        self._tell(out, f"{form.name}.done", **self._where(form), **{form.member: text}, **more)
        self._tell(out, f"{form.added}.done", **self._where(form), part=part)
        self._items[-1][form.field] = [part]
        self._done(out, len(self._items) - 1)
        self._open = None

    def _done(self, out: list[Event], index: int) -> None:
        self._items[index]["status"] = "completed"
        self._tell(out, "response.output_item.done", output_index=index, item=_fresh(self._items[index]))

    def _response(self, status: str) -> Json:
        reason = _INCOMPLETE.get(self._finished.stop) if status == "incomplete" else None
        return {
            "id": self._start.id,
            "object": "response",
            "created_at": self._start.created,
            "status": status,
            "error": None,
            "incomplete_details": None if reason is None else {"reason": reason},
            "instructions": None,
            "metadata": {},
            "model": self._start.model,
            "output": [_fresh(item) for item in self._items],
            "parallel_tool_calls": True,
            "previous_response_id": None,
            "store": False,
            "temperature": None,
            "text": {"format": {"type": "text"}},
            "tool_choice": "auto",
            "tools": [],
            "top_p": None,
            "usage": None if self._usage is None else encode_usage(self._usage),
        }


class WholeEncoder:
    """Deltas in, one `response` body out once the answer is over: the one that a stream of them ends with."""

    def __init__(self) -> None:
        self._stream = StreamEncoder()

    def feed(self, deltas: Iterable[Delta]) -> list[Event]:
        """Nothing until the end."""
        out: list[Event] = []
        for delta in deltas:
            if isinstance(delta, Broken):
                raise invalid()
            events = self._stream.feed((delta,))
            if isinstance(delta, Ended):
                out.append(whole(events[-1].document["response"]))
        return out
