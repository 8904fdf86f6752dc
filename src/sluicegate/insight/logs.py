"""JSON logs on standard error: one line an event, without text of prompts or answers, and without secrets.

Rules that keep text out, whoever logs:
* An exception is its type and its frames (file, line, function). What it says is logged for our own errors alone, whose
  messages never quote.
* Of loggers that are not ours, only the first line of the template is kept, without the values filled into it (asyncio fills
  in objects by itself, so there it ends before the first of them); the web server's own messages are kept with their
  values. A warning is its place and its category.
* A field of `extra` is kept if it is a number, a truth value, a string (cut at 1,000 characters) or a sequence of these.
"""

import json
import logging
import re
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from traceback import walk_tb
from types import TracebackType
from typing import Any

from sluicegate.core.errors import GatewayError
from sluicegate.settings import Logging

OURS = "sluicegate"
SERVER = "uvicorn"
MAX_TEXT = 1_000
"""Characters of a message or field."""
MAX_FRAMES = 40
"""The innermost frames that are kept of a traceback."""
MAX_CHAIN = 5
"""Exceptions that are kept of a chain of causes."""

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
_REPRESENTED = re.compile(r"[(<]")
"""Where asyncio begins to show objects: arguments of a call, a task."""
log = logging.getLogger(__name__)


class JsonFormatter(logging.Formatter):
    """One record as one line of ASCII JSON, in which every control character is escaped."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        event: dict[str, Any] = {
            "time": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
        }
        for name, value in vars(record).items():
            if name not in _STANDARD and name not in event and (kept := _kept(value)) is not None:
                event[name] = kept
        if record.exc_info and record.exc_info[1] is not None:
            event["exception"] = described(record.exc_info[1])
        return json.dumps(event, ensure_ascii=True).replace("\x7f", "\\u007f")


def described(error: BaseException) -> list[dict[str, Any]]:
    """An exception and its causes, outermost first: type and frames, and the message of our own errors."""
    chain: list[dict[str, Any]] = []
    current: BaseException | None = error
    while current is not None and len(chain) < MAX_CHAIN:
        kind = type(current)
        link: dict[str, Any] = {"type": f"{kind.__module__}.{kind.__qualname__}", "frames": _frames(current.__traceback__)}
        if isinstance(current, GatewayError):
            link["message"] = current.message[:MAX_TEXT]
        chain.append(link)
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return chain


def configure(settings: Logging) -> None:
    """Send all logging of the process to standard error in this form, uncaught exceptions included."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    # whatever the level: what other libraries say in detail could be content
    root.setLevel(logging.WARNING)
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    logging.getLogger(OURS).setLevel(level)
    for name in (SERVER, f"{SERVER}.error"):
        server = logging.getLogger(name)
        server.handlers.clear()
        server.propagate = True
        server.setLevel(max(level, logging.INFO))
    access = logging.getLogger(f"{SERVER}.access")
    access.handlers.clear()
    access.disabled = True
    logging.captureWarnings(True)
    logging.raiseExceptions = False  # else a record that cannot be formatted is printed with its values
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread
    sys.unraisablehook = _unraisable


def _message(record: logging.LogRecord) -> str:
    origin = record.name.split(".", 1)[0]
    text = str(record.msg)
    if origin in (OURS, SERVER):
        with suppress(TypeError, ValueError, KeyError):  # values that do not fit: the template alone, not a lost event
            text = record.getMessage()
    if origin != OURS:
        text = text.split("\n", 1)[0]
    if record.name == "py.warnings":
        text = ":".join(text.split(":")[:3])
    elif origin == "asyncio":
        text = _REPRESENTED.split(text, maxsplit=1)[0].rstrip()
    return text[:MAX_TEXT]


def _kept(value: object) -> Any:
    if isinstance(value, str):
        return str(value)[:MAX_TEXT]
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, list | tuple):
        return [kept for item in value[:MAX_FRAMES] if (kept := _kept(item)) is not None]
    return None


def _frames(traceback: TracebackType | None) -> Sequence[str]:
    frames = [f"{frame.f_code.co_filename}:{line} {frame.f_code.co_name}" for frame, line in walk_tb(traceback)]
    return frames[-MAX_FRAMES:]


def _uncaught(_kind: type[BaseException], error: BaseException, _traceback: TracebackType | None) -> None:
    log.critical("an error ended the program", exc_info=error)


def _uncaught_in_thread(what: threading.ExceptHookArgs) -> None:
    log.critical("an error ended a thread", exc_info=what.exc_value, extra={"thread_name": what.thread and what.thread.name})


def _unraisable(what: "sys.UnraisableHookArgs") -> None:
    log.error("an error could not be raised", exc_info=what.exc_value)
