"""openai-python and OpenAI's smaller APIs, through the running gateway."""

import base64
from collections.abc import AsyncIterator
from struct import pack

import httpx
import openai
import pytest
import pytest_asyncio

from tests.conformance.conftest import Bench
from tests.support import small
from tests.support.gateway import KEY, running
from tests.support.small import PNG, SMALL_MODEL, SOUND, VECTOR
from tests.support.upstream import Reply, Upstream, json_reply

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    async with Upstream() as upstream:
        settings = small.small(upstream.base_url)
        async with running(tmp_path_factory.mktemp("gateway"), settings) as gateway:
            yield Bench(upstream, gateway)


@pytest_asyncio.fixture(loop_scope="module")
async def sdk(bench: Bench) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{bench.gateway.url}/v1", api_key=KEY, max_retries=0) as client:
        yield client


async def test_embeddings(bench: Bench, sdk: openai.AsyncOpenAI) -> None:
    """The SDK asks for base64 by itself, and decodes it."""
    packed = base64.b64encode(pack("<8f", *VECTOR)).decode()
    entry = {"object": "embedding", "index": 0, "embedding": packed}
    usage = {"prompt_tokens": 7, "total_tokens": 7}
    bench.upstream.script(json_reply({"object": "list", "data": [entry], "model": "m", "usage": usage}))
    found = await sdk.embeddings.create(model=SMALL_MODEL, input=["one", "two"])
    assert found.data[0].embedding == pytest.approx(VECTOR)
    assert found.usage.prompt_tokens == 7
    sent = next(each for each in bench.upstream.requests if each.method == "POST")
    assert (sent.path, sent.json()["input"], sent.json()["encoding_format"]) == ("/v1/embeddings", ["one", "two"], "base64")
    bench.upstream.script(small.embeddings(many=2))
    floats = await sdk.embeddings.create(model=SMALL_MODEL, input="one", encoding_format="float", dimensions=8)
    assert [each.embedding for each in floats.data] == [VECTOR, VECTOR]


async def test_tokens_cannot_be_read_and_policy_says_what_then(bench: Bench, sdk: openai.AsyncOpenAI) -> None:
    bench.upstream.script(small.embeddings())
    answer = await sdk.embeddings.with_raw_response.create(model=SMALL_MODEL, input=[[1, 2, 3]], encoding_format="float")
    assert "prompt_unscannable" in answer.headers["x-sluicegate-decisions"]


async def test_moderations(bench: Bench, sdk: openai.AsyncOpenAI) -> None:
    bench.upstream.script(small.moderation())
    found = await sdk.moderations.create(model=SMALL_MODEL, input="something")
    assert found.results[0].flagged
    assert found.results[0].category_scores.hate == 0.9
    with pytest.raises(openai.PermissionDeniedError):
        await sdk.moderations.create(input="asks for OpenAI's usual model, which this use case does not allow")


async def test_completions(bench: Bench, sdk: openai.AsyncOpenAI) -> None:
    bench.upstream.script(small.completion("hello"))
    found = await sdk.completions.create(model=SMALL_MODEL, prompt="Say hello.", max_tokens=9)
    assert (found.choices[0].text, found.usage and found.usage.completion_tokens) == ("hello", 5)
    bench.upstream.script(small.completion_stream(["he", "l", "lo"]))
    stream = await sdk.completions.create(model=SMALL_MODEL, prompt="Say hello.", max_tokens=9, stream=True)
    chunks = [chunk async for chunk in stream]
    assert "".join(chunk.choices[0].text for chunk in chunks) == "hello"
    posted = [each for each in bench.upstream.requests if each.method == "POST"]
    assert posted[-1].json()["stream_options"] == {"include_usage": True}


async def test_images(bench: Bench, sdk: openai.AsyncOpenAI) -> None:
    bench.upstream.script(small.image())
    found = await sdk.images.generate(model=SMALL_MODEL, prompt="A cat.", size="1024x1024")
    assert found.data is not None
    assert (found.data[0].b64_json, found.data[0].revised_prompt) == (PNG, "a cat")
    bench.upstream.script(small.image_stream())
    stream = await sdk.images.generate(model=SMALL_MODEL, prompt="A cat.", stream=True, partial_images=1)
    kinds = [event.type async for event in stream]
    assert kinds == ["image_generation.partial_image", "image_generation.completed"]


async def test_speech(bench: Bench, sdk: openai.AsyncOpenAI) -> None:
    bench.upstream.script(small.speech())
    async with sdk.audio.speech.with_streaming_response.create(model=SMALL_MODEL, voice="alloy", input="Hello") as answer:
        assert answer.headers["content-type"] == "audio/mpeg"
        assert b"".join([piece async for piece in answer.iter_bytes()]) == SOUND
    bench.upstream.script(small.speech())
    whole = await sdk.audio.speech.create(model=SMALL_MODEL, voice="alloy", input="Hello")
    assert whole.content == SOUND


async def test_speech_that_breaks_off_is_no_whole_answer(bench: Bench, sdk: openai.AsyncOpenAI) -> None:
    pieces = [SOUND[:1_000], SOUND[1_000:]]
    bench.upstream.script(Reply(content_type="audio/mpeg", pieces=pieces, reset_after=1))
    with pytest.raises((openai.APIConnectionError, httpx.RemoteProtocolError)):
        await sdk.audio.speech.create(model=SMALL_MODEL, voice="alloy", input="Hello")


async def test_transcriptions(bench: Bench, sdk: openai.AsyncOpenAI) -> None:
    bench.upstream.script(small.transcription())
    found = await sdk.audio.transcriptions.create(model=SMALL_MODEL, file=("a.wav", SOUND, "audio/wav"), prompt="Names.")
    assert found.text == "hello"
    sent = next(each for each in bench.upstream.requests if each.method == "POST")
    assert sent.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert SOUND in sent.body
    bench.upstream.script(small.transcription_stream(["he", "llo"]))
    stream = await sdk.audio.transcriptions.create(model=SMALL_MODEL, file=("a.wav", SOUND), stream=True)
    events = [event async for event in stream]
    assert [event.type for event in events] == ["transcript.text.delta"] * 2 + ["transcript.text.done"]
    bench.upstream.script(Reply(content_type="text/plain; charset=utf-8", body=b"hello\n"))
    text = await sdk.audio.transcriptions.create(model=SMALL_MODEL, file=("a.wav", SOUND), response_format="text")
    assert text == "hello\n"
    bench.upstream.script(json_reply({"text": "a b", "duration": 2.0, "language": "en", "words": []}))
    verbose = await sdk.audio.transcriptions.create(
        model=SMALL_MODEL,
        file=("a.wav", SOUND),
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
    )
    assert verbose.duration == 2.0


async def test_a_model_that_does_not_speak_it_is_no_way(bench: Bench, sdk: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="openai_embeddings"):
        await sdk.embeddings.create(model="test-chat", input="one")
    assert not [each for each in bench.upstream.requests if each.method == "POST"]
