"""Every route at which clients speak a dialect. What is not inspected is not mounted."""

from collections.abc import Iterable, Mapping

from sluicegate.core.dialect import Dialect, DialectName
from sluicegate.dialects.anthropic_messages import AnthropicMessages
from sluicegate.dialects.gemini import Gemini
from sluicegate.dialects.openai_chat import OpenAIChat
from sluicegate.web.surface import Surface

OPENAI = "/openai"
ANTHROPIC = "/anthropic"
GEMINI = "/gemini"
"""Each API also stands below its vendor's name, for tools that set a base URL for each vendor."""


def surfaces() -> tuple[Surface, ...]:
    """Every surface; each is also served below `/k/<key>`."""
    return (
        *Surface("POST", "/v1/chat/completions", OpenAIChat()).below(OPENAI),
        *Surface("POST", "/v1/messages", AnthropicMessages()).below(ANTHROPIC),
        *Surface("POST", "/v1beta/models/{model:path}:generateContent", Gemini(), Gemini.asked).below(GEMINI),
        *Surface("POST", "/v1beta/models/{model:path}:streamGenerateContent", Gemini(), Gemini.streamed).below(GEMINI),
    )


def spoken(mounted: Iterable[Surface]) -> Mapping[DialectName, Dialect]:
    """The dialects of `mounted` by their names; of one whose requests have each their own, the one that all share."""
    return {surface.dialect.name: surface.dialect for surface in mounted}
