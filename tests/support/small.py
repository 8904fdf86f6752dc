"""A gateway with a provider of OpenAI's smaller APIs, and with models that have names."""

from typing import Any

from tests.support.gateway import governed

SMALL = (
    "openai_completions",
    "openai_embeddings",
    "openai_moderations",
    "openai_images",
    "openai_speech",
    "openai_transcriptions",
)
SMALL_MODEL = "small-model"
"""A model at a provider that speaks all of SMALL; any `small-…` is."""
NAMED = ("alpha/one", "test-named")
"""Models that have names of their own, and no patterns."""


def small(upstream: str, *, key: dict[str, Any] | None = None, **use_case: Any) -> dict[str, Any]:
    """The settings of `governed`, and those."""
    allowed = ["test-*", "claude-*", "small-*", "alpha/*"]
    found = governed(upstream, key=key, **{"models": allowed, **use_case})
    price = {"input": "1", "output": "2"}
    found["providers"] += [{"name": "small", "dialects": list(SMALL), "base_url": f"{upstream}/v1", "place": "on_prem"}]
    found["deployments"] += [
        {"name": "small", "model": "small-*", "provider": "small", "upstream_model": "*", "price": price},
        *({"name": name, "model": name, "provider": "chat", "price": {"input": "1", "output": "2"}} for name in NAMED),
        {"name": "hidden", "model": "hidden", "provider": "chat", "price": {"input": "1", "output": "2"}},
    ]
    return found
