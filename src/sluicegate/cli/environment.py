"""The variables that point a client at the gateway; `shell-init` prints them and `wrap` sets them."""

from collections.abc import Mapping


def variables(url: str, key: str) -> Mapping[str, str]:
    """What the vendors' SDKs, Claude Code, Codex and their like read. `url` is the gateway's, without a path."""
    base = url.rstrip("/")
    return {
        "OPENAI_BASE_URL": f"{base}/openai/v1",
        "OPENAI_API_KEY": key,
        "CODEX_API_KEY": key,
        "ANTHROPIC_BASE_URL": f"{base}/anthropic",
        "ANTHROPIC_API_KEY": key,
        "GOOGLE_GEMINI_BASE_URL": f"{base}/gemini",
        "GEMINI_API_KEY": key,
        "SLUICEGATE_URL": base,
        "SLUICEGATE_KEY": key,
    }
