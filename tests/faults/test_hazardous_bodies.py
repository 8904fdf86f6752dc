"""Bodies that are hostile or broken, with a valid key: each is refused by name, is recorded, and leaves nothing behind.

The numbers (H1 …) are those of the catalogue of hazards.
"""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.support.client import CHAT, DIALECTS, Answer, Call, Dialect, answer, document, get
from tests.support.evidence import assert_verified, of, places_of
from tests.support.gateway import KEY, Gateway, governed, running
from tests.support.upstream import Upstream

pytestmark = pytest.mark.asyncio(loop_scope="module")
EACH_DIALECT = pytest.mark.parametrize("dialect", DIALECTS, ids=("chat", "messages"))
CANARY = "canary" + "7f3a91c2e5"
TEXT = f'"messages":[{{"role":"user","content":"{CANARY}"}}],"max_tokens":100'
MOST_BODY = 200_000


def with_model(text: str) -> bytes:
    """A body that says `MODEL` where the dialect's model goes."""
    return f'{{"model":"MODEL",{text}}}'.encode()


BROKEN = {
    "truncated": with_model(TEXT)[:-1],
    "trailing comma": with_model(TEXT + ","),
    "NaN": with_model(TEXT + ',"temperature":NaN'),
    "bare word": with_model(TEXT + ',"stream":yes'),
    "byte order mark": b"\xef\xbb\xbf" + with_model(TEXT),
    "number of a million digits": with_model(TEXT + ',"seed":' + "9" * 100_000),
    "number beyond doubles": with_model(TEXT + ',"temperature":1e999999'),
    "invalid UTF-8": with_model(TEXT).replace(CANARY.encode(), CANARY.encode() + b"\xff"),
    "overlong UTF-8": with_model(TEXT).replace(CANARY.encode(), CANARY.encode() + b"\xc0\xaf"),
    "UTF-16": with_model(TEXT).decode().encode("utf-16"),
    "lone surrogate": with_model(TEXT.replace(CANARY, CANARY + "\\ud800")),
    "control character": with_model(TEXT.replace(CANARY, CANARY + "\x00")),
    "empty": b"",
    "list": b"[]",
    "null": b"null",
    "string": b'"model"',
}
"""H1, H6, H7, H8, H12: no JSON object that two readers would read alike."""

DEEP = {
    "nesting": with_model(TEXT + ',"metadata":' + "[" * 50_000 + "]" * 50_000),
    "elements": with_model(TEXT + ',"metadata":[' + "1," * 5_000 + "1]"),
    "members": with_model(TEXT + ',"metadata":{' + ",".join(f'"k{n}":1' for n in range(5_000)) + "}"),
}
"""H5, H12."""

TWICE = {"model": with_model(TEXT + ',"model":"other"'), "messages": with_model(TEXT + "," + TEXT.partition(',"max')[0])}
"""H9."""

FIELDS: dict[str, tuple[str, dict[str, Any]]] = {
    "no model": ("model", {"model": None}),
    "model a number": ("model", {"model": 5}),
    "empty model": ("model", {"model": ""}),
    "no messages": ("messages", {"messages": []}),
    "messages an object": ("messages", {"messages": {}}),
    "message a string": ("messages[0]", {"messages": [CANARY]}),
    "content a number": ("messages[0].content", {"messages": [{"role": "user", "content": 5}]}),
    "role a list": ("messages[0].role", {"messages": [{"role": [], "content": CANARY}]}),
    "stream a string": ("stream", {"stream": "true"}),
    "temperature a string": ("temperature", {"temperature": "x"}),
    "max_tokens negative": ("max_tokens", {"max_tokens": -5}),
    "max_tokens beyond 32 bits": ("max_tokens", {"max_tokens": 2**33}),
    "max_tokens a fraction": ("max_tokens", {"max_tokens": 1.5}),
    "a name in another case": ("model", {"Model": "other"}),
    "tools an object": ("tools", {"tools": {}}),
}
"""H6, H10, H11, H12."""

TYPES = ["", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-7", "multipart/form-data"]
"""H13."""


@dataclass
class Bench:
    """A gateway, its provider and its folder."""

    upstream: Upstream
    gateway: Gateway
    directory: Path

    async def send(self, dialect: Dialect, body: bytes, **headers: str) -> Answer:
        """What `body` gets, on a path of `dialect`."""
        body = body.replace(b"MODEL", dialect.model.encode())
        async with Call(self.gateway.url, dialect.path, body, headers) as call:
            return await call.rest()

    async def assert_refused(self, got: Answer, status: int, reason: str) -> None:
        """It was refused and recorded, nothing was called, and the next good request is answered."""
        assert (got.status, got.reason) == (status, reason), got
        assert got.json()["error"]["code"] == reason
        assert CANARY.encode() not in got.body
        (entry,) = of(self.directory, got.exchange)
        assert (entry["kind"], entry["reason"]) == ("refusal", reason)
        assert entry["key"]
        assert self.upstream.hits == 0
        assert (await answer(self.gateway.url, CHAT)).status == 200


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    directory = tmp_path_factory.mktemp("gateway")
    bounds = {"max_body_bytes": MOST_BODY, "max_json_values": 2_000}
    async with Upstream() as upstream:
        settings = governed(upstream.base_url) | {"server": bounds, "logging": {"level": "debug"}}
        async with running(directory, settings) as gateway:
            yield Bench(upstream, gateway, directory)


@pytest.fixture(autouse=True)
def forget(bench: Bench) -> None:
    """Each test begins without calls."""
    bench.upstream.hits = 0


@EACH_DIALECT
@pytest.mark.parametrize("name", BROKEN)
async def test_what_is_no_json(bench: Bench, dialect: Dialect, name: str) -> None:
    await bench.assert_refused(await bench.send(dialect, BROKEN[name]), 400, "invalid_json")


@EACH_DIALECT
@pytest.mark.parametrize("name", DEEP)
async def test_what_is_too_deep_or_too_much(bench: Bench, dialect: Dialect, name: str) -> None:
    await bench.assert_refused(await bench.send(dialect, DEEP[name]), 400, "too_deep")


@EACH_DIALECT
@pytest.mark.parametrize("name", TWICE)
async def test_a_key_that_stands_twice(bench: Bench, dialect: Dialect, name: str) -> None:
    got = await bench.send(dialect, TWICE[name])
    assert got.json()["error"]["param"] == name
    await bench.assert_refused(got, 400, "duplicate_key")


@EACH_DIALECT
@pytest.mark.parametrize("name", FIELDS)
async def test_a_field_of_the_wrong_type(bench: Bench, dialect: Dialect, name: str) -> None:
    field, wrong = FIELDS[name]
    got = await bench.send(dialect, json.dumps(document(dialect) | wrong).encode())
    assert got.json()["error"]["param"] == field
    await bench.assert_refused(got, 400, "invalid_field")


@EACH_DIALECT
@pytest.mark.parametrize("kind", TYPES)
async def test_another_content_type(bench: Bench, dialect: Dialect, kind: str) -> None:
    got = await bench.send(dialect, with_model(TEXT), **{"content-type": kind})
    await bench.assert_refused(got, 415, "unsupported_media_type")


@EACH_DIALECT
async def test_a_content_encoding(bench: Bench, dialect: Dialect) -> None:
    got = await bench.send(dialect, with_model(TEXT), **{"content-encoding": "gzip"})
    await bench.assert_refused(got, 415, "unsupported_media_type")


@EACH_DIALECT
async def test_a_body_beyond_the_limit(bench: Bench, dialect: Dialect) -> None:
    got = await bench.send(dialect, with_model(TEXT.replace(CANARY, "x" * MOST_BODY)))
    await bench.assert_refused(got, 413, "too_large")


@EACH_DIALECT
async def test_odd_characters_arrive_at_the_provider_as_they_were_sent(bench: Bench, dialect: Dialect) -> None:
    text = "\u0000 \u0007 \u2028 \u202e \ufeff \U0001f600"
    got = await answer(bench.gateway.url, dialect, messages=[{"role": "user", "content": text}])
    assert got.status == 200
    assert bench.upstream.requests[-1].json()["messages"][0]["content"] == text


@EACH_DIALECT
async def test_a_model_whose_name_is_odd(bench: Bench, dialect: Dialect) -> None:
    got = await answer(bench.gateway.url, dialect, model='gpt\u0000"\r\n\u202e')
    await bench.assert_refused(got, 403, "model_not_allowed")


async def test_no_canary_is_kept_anywhere(bench: Bench) -> None:
    """Secrets in bodies, headers and the path, of requests that are answered and of ones that are not."""
    headers = {
        name: f"{CANARY}-{name}" for name in ("cookie", "x-custom", "openai-organization", "anthropic-beta", "referer")
    }
    for dialect in DIALECTS:
        for body in (with_model(TEXT), with_model(TEXT + f',"user":"{CANARY}"'), with_model(TEXT)[:-1]):
            assert (await bench.send(dialect, body, **headers)).status in (200, 400)
        wrong = await bench.send(dialect, with_model(TEXT), authorization=f"Bearer {CANARY}")
        assert wrong.status == 403
        assert CANARY.encode() not in wrong.body
    assert (await get(bench.gateway.url, f"/{CANARY}?key={CANARY}", authorization=CANARY)).status == 404
    assert CANARY.encode() not in (await get(bench.gateway.url, "/metrics")).body
    assert await bench.gateway.stop() == 0
    for text in (CANARY, KEY):
        assert list(places_of(bench.directory, text.encode())) == []
    assert "Traceback" not in bench.gateway.log
    await assert_verified(bench.directory)
