import asyncio
import hmac
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from sluicegate.dlp.detector import DetectorFailed, Signal
from sluicegate.dlp.external.webhook import Webhook, WebhookSpec
from tests.support.outside import Answering, found, passages, ways_out
from tests.support.upstream import Reply, Request, Upstream, json_reply

SIGNAL = Signal(id="codename", kind="project", severity="high", label="CODENAME")


def hook(request: Request) -> Reply:
    """Finds the word `falcon`."""
    findings = [
        {"passage": index, "start": at, "end": at + 6, "signal": "codename", "why": "a list"}
        for index, passage in enumerate(request.json()["passages"])
        if (at := passage["text"].find("falcon")) >= 0
    ]
    return json_reply({"findings": findings})


def spec(url: str, **more: Any) -> WebhookSpec:
    return WebhookSpec(url=url, signals=(SIGNAL,), **{"timeout": 20, **more})


async def test_question_and_answer() -> None:
    async with Answering(hook) as server, ways_out() as doors:
        detector = Webhook("names", spec(f"{server.base_url}/look?all=1"), doors)
        assert await found(detector, "", "\U0001f600 a falcon", "none", "falcon") == [
            (1, "codename", "falcon"),
            (3, "codename", "falcon"),
        ]
        (request,) = server.requests
        assert request.path == "/look?all=1"
        texts = ("\U0001f600 a falcon", "none", "falcon")
        sent = {"version": 1, "detector": "names", "passages": [{"place": "user", "text": text} for text in texts]}
        assert request.json() == sent
        assert "x-sluicegate-signature" not in request.headers
        assert detector.refuses


async def test_the_question_is_signed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("shared")
    secret.chmod(0o600)
    async with Answering(hook) as server, ways_out() as doors:
        detector = Webhook("names", spec(server.base_url, secret=f"file:{secret}"), doors, lambda: 1_700_000_000.9)
        await detector.find(passages("x"))
        request = server.requests[0]
        expected = hmac.new(b"shared", b"1700000000." + request.body, sha256).hexdigest()
        assert request.headers["x-sluicegate-signature"] == f"t=1700000000,v1={expected}"


@pytest.mark.parametrize(
    "finding",
    [
        {"passage": 1, "start": 0, "end": 1, "signal": "codename"},
        {"passage": -1, "start": 0, "end": 1, "signal": "codename"},
        {"passage": 0, "start": 0, "end": 9, "signal": "codename"},
        {"passage": 0, "start": 1, "end": 1, "signal": "codename"},
        {"passage": 0, "start": 0, "end": 1, "signal": "other"},
        {"passage": 0, "start": 0, "end": 1},
    ],
)
async def test_a_finding_that_cannot_be(finding: dict[str, Any]) -> None:
    async with Upstream() as server, ways_out() as doors:
        server.script(json_reply({"findings": [finding]}))
        with pytest.raises(DetectorFailed):
            await Webhook("names", spec(server.base_url), doors).find(passages("four"))


@pytest.mark.parametrize("reply", [Reply(status=204), Reply(body=b"[]"), Reply(body=b"{"), Reply(raw=b"")], ids=range(4))
async def test_a_hook_that_is_broken_did_not_look(reply: Reply) -> None:
    async with Upstream() as server, ways_out() as doors:
        server.script(reply)
        with pytest.raises(DetectorFailed):
            await Webhook("names", spec(server.base_url), doors).find(passages("x"))


async def test_a_slow_hook_is_not_waited_for_and_leaves_no_call_behind() -> None:
    async with Upstream() as server, ways_out() as doors:
        server.script(Reply(gate=asyncio.Event()))
        with pytest.raises(DetectorFailed, match="in time"):
            await Webhook("names", spec(server.base_url, timeout=0.2), doors).find(passages("x"))
        await server.left.wait()
        assert server.open == 0
