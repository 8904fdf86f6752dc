"""An analyzer as Presidio has one, over a real socket, and everything that can go wrong with it."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluicegate.dlp.detector import DetectorFailed
from sluicegate.dlp.external.presidio import Presidio, PresidioSpec
from sluicegate.dlp.packs import RuleError
from sluicegate.dlp.panel import Unscannable
from tests.support.outside import Answering, found, passages, ways_out
from tests.support.upstream import Reply, Request, Upstream, json_reply


def analyzer(request: Request) -> Reply:
    """Names in capitals are persons, in English; `Herr X` is one in German."""
    asked = request.json()
    pattern = {"en": r"[A-Z]{2,}(?:\s+[A-Z]{2,})*", "de": r"Herr \w+"}[asked["language"]]
    entities = [
        {"entity_type": "PERSON", "start": match.start(), "end": match.end(), "score": 0.85, "analysis_explanation": None}
        for match in re.finditer(pattern, asked["text"])
    ]
    return json_reply(entities if "PERSON" in asked["entities"] else [])


def spec(url: str, **more: Any) -> PresidioSpec:
    return PresidioSpec(url=url, **{"timeout": 20, **more})


async def test_entities_are_found_where_they_stand() -> None:
    async with Answering(analyzer) as server, ways_out() as doors:
        detector = Presidio("presidio", spec(server.base_url + "/"), doors)
        assert await found(detector, "\U0001f600 ask ANNA", "", "or BOB") == [
            (0, "presidio_person", "ANNA"),
            (2, "presidio_person", "BOB"),
        ]
        (request,) = server.requests
        assert (request.method, request.path) == ("POST", "/analyze")
        assert request.json()["score_threshold"] == 0.5
        assert set(request.json()) == {"text", "language", "entities", "score_threshold"}
        assert detector.signals[3].kind == "phone"


async def test_what_reaches_over_two_passages_is_found_in_both() -> None:
    async with Answering(analyzer) as server, ways_out() as doors:
        detector = Presidio("presidio", spec(server.base_url), doors)
        assert await found(detector, "from ANNA", "BOB on") == [
            (0, "presidio_person", "ANNA"),
            (1, "presidio_person", "BOB"),
        ]


async def test_every_language_and_every_batch() -> None:
    async with Answering(analyzer) as server, ways_out() as doors:
        detector = Presidio("presidio", spec(server.base_url, languages=("en", "de"), max_bytes=100), doors)
        texts = ["ANNA " + "a" * 60, "Herr Maier " + "b" * 60]
        assert [each[2] for each in await found(detector, *texts)] == ["ANNA", "Herr Maier"]
        assert server.hits == 4


async def test_a_long_text_comes_in_pieces_and_nothing_is_found_twice() -> None:
    async with Answering(analyzer) as server, ways_out() as doors:
        detector = Presidio("presidio", spec(server.base_url, max_bytes=100), doors)
        text = "ask ANNA or BOB " * 20
        assert [each[2] for each in await found(detector, text) if each[2] in ("ANNA", "BOB")] == ["ANNA", "BOB"] * 20
        assert server.hits > 3


@settings(deadline=None, max_examples=25)
@given(texts=st.lists(st.text("AB \n\u00e9\U0001f600", max_size=12), min_size=1, max_size=5))
def test_many_passages_in_one_call_are_as_good_as_one_by_one(texts: list[str]) -> None:
    async def compare() -> None:
        async with Answering(analyzer) as server, ways_out() as doors:
            detector = Presidio("presidio", spec(server.base_url), doors)
            alone = [await found(detector, text) if text.strip() else [] for text in texts]
            together = await found(detector, *texts)
            for index, single in enumerate(alone):
                covered = "".join(words for at, _, words in together if at == index)
                assert covered.split() == "".join(words for _, _, words in single).split()

    asyncio.run(compare())


@pytest.mark.parametrize(
    "reply",
    [
        Reply(status=500),
        Reply(status=302, headers={"Location": "http://127.0.0.1:1/"}),
        Reply(body=b"<html>"),
        Reply(body=b'{"error": "x"}'),
        Reply(body=b'[{"entity_type": "PERSON", "start": "0", "end": 1, "score": 1}]'),
        Reply(body=b'[{"entity_type": "PERSON", "start": 0, "end": 100, "score": 1}]'),
        Reply(body=b'[{"entity_type": "PERSON", "start": 3, "end": 3, "score": 1}]'),
        Reply(body=b'[{"entity_type": "CREDIT_CARD", "start": 0, "end": 1, "score": 1}]'),
        Reply(body=b"\xff\xfe"),
        Reply(body=b" " * 5_000_000),
        Reply(raw=b""),
        Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[{"),
        Reply(pieces=[b"[{", b"x"], reset_after=1),
    ],
    ids=range(13),
)
async def test_an_analyzer_that_is_broken_did_not_look(reply: Reply) -> None:
    async with Upstream() as server, ways_out() as doors:
        server.script(reply)
        with pytest.raises(DetectorFailed, match=r"^presidio") as error:
            await Presidio("presidio", spec(server.base_url), doors).find(passages("my secret"))
        assert "secret" not in str(error.value)


async def test_a_slow_analyzer_is_not_waited_for() -> None:
    async with Upstream() as server, ways_out() as doors:
        server.script(Reply(gate=asyncio.Event()))
        with pytest.raises(DetectorFailed, match="in time"):
            await Presidio("presidio", spec(server.base_url, timeout=0.2), doors).find(passages("x"))


async def test_nobody_there_and_too_much() -> None:
    async with Upstream() as server:
        gone = server.base_url
    async with ways_out() as doors:
        detector = Presidio("presidio", spec(gone, max_bytes=100), doors)
        with pytest.raises(DetectorFailed, match="not reached"):
            await detector.find(passages("x"))
        with pytest.raises(Unscannable):
            await detector.find(passages("x" * 10_000))
        assert await detector.find(passages("", " ")) == []


async def test_the_credential_is_shown(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("a token")
    secret.chmod(0o600)
    async with Answering(analyzer) as server, ways_out() as doors:
        await Presidio("p", spec(server.base_url, credential=f"file:{secret}"), doors).find(passages("x"))
        assert server.requests[0].headers["authorization"] == "Bearer a token"
        gone = Presidio("p", spec(server.base_url, credential=f"file:{tmp_path}/none"), doors)
        with pytest.raises(DetectorFailed):
            await gone.find(passages("x"))
        assert server.hits == 1


async def test_sections_that_cannot_be() -> None:
    async with ways_out() as doors:
        with pytest.raises(RuleError):
            Presidio("p", spec("presidio:3000"), doors)
        own = Presidio("p", spec("http://a", entities=("OUR_TYPE",), on_failure="allow"), doors)
        assert (own.signals[0].id, own.signals[0].kind, own.refuses) == ("presidio_our_type", "our_type", False)
        assert json.dumps(own.signals[0].label) == '"OUR_TYPE"'
