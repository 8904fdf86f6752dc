import asyncio
import json
import logging
import subprocess
import sys
from typing import Any

import pytest

from sluicegate.core.decision import Reason
from sluicegate.core.errors import GatewayError
from sluicegate.insight.logs import MAX_TEXT, JsonFormatter, described

CANARY = "canary-4711"


def line(name: str, message: str, *values: object, error: BaseException | None = None, **extra: object) -> dict[str, Any]:
    info = None if error is None else (type(error), error, error.__traceback__)
    record = logging.LogRecord(name, logging.WARNING, __file__, 1, message, values, info)
    record.created, record.msecs = 1_800_000_000.0, 45.6
    vars(record).update(extra)
    text = JsonFormatter().format(record)
    assert text.isascii()
    assert text.isprintable()
    found: dict[str, Any] = json.loads(text)
    return found


def raised() -> Exception:
    try:
        try:
            raise KeyError(CANARY)
        except KeyError as cause:
            raise ValueError(f"cannot read {CANARY}") from cause
    except ValueError as error:
        return error


def test_an_event_is_one_line_with_its_fields() -> None:
    event = line("sluicegate.app", "settled %s", "well", exchange="abc", rows=3, ratio=0.5, names=("a", "b"), odd=object())
    assert event == {
        "time": "2027-01-15T08:00:00.045Z",
        "level": "warning",
        "logger": "sluicegate.app",
        "message": "settled well",
        "exchange": "abc",
        "rows": 3,
        "ratio": 0.5,
        "names": ["a", "b"],
    }


def test_control_characters_are_escaped_and_length_is_bounded() -> None:
    nasty = 'a\r\n{"level":"x"}\x1b[31m\u2028\u202e\x7f\x00'
    event = line("sluicegate", "%s", nasty, key=nasty, long="x" * 5_000)
    assert event["message"] == event["key"] == nasty
    assert len(event["long"]) == MAX_TEXT


def test_a_field_cannot_take_the_place_of_another() -> None:
    assert line("sluicegate", "real", level="fake", logger="fake")["level"] == "warning"


def test_an_exception_is_type_and_frames_and_never_its_text() -> None:
    event = line("sluicegate", "a stage broke", error=raised())
    outer, inner = event["exception"]
    assert outer["type"] == "builtins.ValueError"
    assert inner["type"] == "builtins.KeyError"
    assert outer["frames"][-1].endswith(" raised")
    assert CANARY not in json.dumps(event)


def test_our_own_errors_keep_their_message() -> None:
    assert described(GatewayError(Reason.OVERLOADED, "too many"))[0]["message"] == "too many"


def test_a_circle_of_causes_ends() -> None:
    first, second = ValueError(), KeyError()
    first.__cause__, second.__cause__ = second, first
    assert len(described(first)) == 5


def test_foreign_loggers_keep_the_first_line_of_their_template() -> None:
    assert (
        line("asyncio", f"Task exception was never retrieved\nfuture: {CANARY}")["message"]
        == "Task exception was never retrieved"
    )
    assert line("httpx", "body %s", CANARY)["message"] == "body %s"
    assert line("uvicorn.error", "listening on %s", "127.0.0.1")["message"] == "listening on 127.0.0.1"
    assert line("uvicorn.error", f"Exception in ASGI application\n{CANARY}")["message"] == "Exception in ASGI application"


PROGRAM = f"""
import asyncio, logging, sys, threading, warnings
from sluicegate.insight.logs import configure
from sluicegate.settings import Logging
configure(Logging(level="LEVEL"))
logging.getLogger("sluicegate.x").debug("ours at debug")
logging.getLogger("sluicegate.x").info("ours at info")
logging.getLogger("other").info("{CANARY}")
logging.getLogger("uvicorn.error").info("server")
logging.getLogger("uvicorn.access").critical("{CANARY}")
logging.getLogger("sluicegate.x").error("%d", "{CANARY}")
warnings.warn("careful\\n{CANARY}")
def broken(): raise ValueError("{CANARY}")
thread = threading.Thread(target=broken); thread.start(); thread.join()
class Gone:
    def __del__(self): raise ValueError("{CANARY}")
Gone()
async def main():
    asyncio.get_running_loop().call_soon(broken)
    await asyncio.sleep(0)
asyncio.run(main())
broken()
"""


@pytest.mark.parametrize("level", ["debug", "info"])
async def test_nothing_that_ends_a_program_prints_text(level: str) -> None:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM.replace("LEVEL", level)), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    output, errors = await child.communicate()
    assert output == b""
    assert CANARY.encode() not in errors
    events = [json.loads(text) for text in errors.splitlines()]
    expected = [
        "ours at debug",
        "ours at info",
        "server",
        "%d",
        "<string>:12: UserWarning",
        "an error ended a thread",
        "an error could not be raised",
        "Exception in callback broken",
        "an error ended the program",
    ]
    assert [event["message"] for event in events] == expected[level != "debug" :]
