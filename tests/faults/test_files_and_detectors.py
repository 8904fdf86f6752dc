"""Through a whole gateway: files are read or named, and a detector that is gone refuses."""

import base64
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import httpx

from tests.support import in_process
from tests.support.guardrails import CARD
from tests.support.office import word
from tests.support.outside import Answering
from tests.support.pdfs import pdf
from tests.support.upstream import Reply, Request, json_reply

POLICY = """
detectors:
  names:
    {type: webhook, url: '%s', timeout: 20, signals: [{id: codename, kind: project, severity: high, label: CODENAME}]}
policies:
  default: {prompt: {payment_card: redact, email_address: alert, %s}, answer: {}, unscannable: {archive: block, '*': allow}}
"""


def hook(request: Request) -> Reply:
    findings = [
        {"passage": index, "start": at, "end": at + 6, "signal": "codename"}
        for index, passage in enumerate(request.json()["passages"])
        if (at := passage["text"].find("falcon")) >= 0
    ]
    return json_reply({"findings": findings})


def client(folder: Path, url: str, more: str = "card: redact") -> AbstractAsyncContextManager[httpx.AsyncClient]:
    """A client of a gateway with the demo model, whose policy asks the webhook at `url` if `more` says so."""
    return in_process.client(folder, POLICY % (url, more), {"file_timeout": 60})


async def ask(to: httpx.AsyncClient, part: dict[str, Any]) -> httpx.Response:
    message = {"role": "user", "content": [{"type": "text", "text": "repeat"}, part]}
    return await to.post("/v1/chat/completions", json={"model": "demo", "messages": [message]})


def file(data: bytes, head: str = "") -> dict[str, Any]:
    return {"type": "file", "file": {"file_data": head + base64.b64encode(data).decode(), "filename": "a"}}


async def test_files_are_read_or_named(tmp_path: Path) -> None:
    async with client(tmp_path, "http://127.0.0.1:1") as to:
        assert (await ask(to, file(pdf("hello"), "data:application/pdf;base64,"))).status_code == 200
        for data, kind in ((pdf(f"pay {CARD}"), "pdf"), (word("pay 4111| 1111| 1111 1111"), "document")):
            refused = (await ask(to, file(data))).json()["error"]
            assert (refused["code"], refused["details"]["in"]) == ("prompt_blocked", [kind])
        redacted = await ask(to, file(f"n,{CARD}".encode(), "data:text/csv;base64,"))
        assert redacted.status_code == 200
        assert redacted.headers["x-sluicegate-decisions"] == "s4_inspect_prompt=prompt_redacted"
        packed = (await ask(to, file(b"\x1f\x8b\x08\0\0\0\0"))).json()["error"]
        assert (packed["code"], packed["details"]["unscannable"]) == ("prompt_unscannable", ["archive"])


async def test_a_detector_that_is_gone_refuses_what_it_has_not_seen(tmp_path: Path) -> None:
    gone: list[bool] = []
    async with (
        Answering(lambda request: Reply(raw=b"") if gone else hook(request)) as server,
        client(tmp_path, server.base_url, "codename: redact") as to,
    ):
        answered = await ask(to, {"type": "text", "text": "about falcon"})
        assert answered.json()["choices"][0]["message"]["content"].endswith("about [CODENAME]")
        assert (await ask(to, {"type": "text", "text": "harmless"})).status_code == 200
        gone.append(True)
        assert (await ask(to, {"type": "text", "text": "harmless"})).status_code == 200
        refused = await ask(to, {"type": "text", "text": "not seen"})
        error = refused.json()["error"]
        assert (refused.status_code, error["code"]) == (503, "control_failed")
        assert error["details"]["detectors"] == ["patterns:ran", "names:not_run", "injection:not_run"]
        assert "not seen" not in refused.text
