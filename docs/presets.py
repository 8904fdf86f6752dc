"""The table of presets on docs/providers.md, made from `providers/presets.yaml`."""

from collections.abc import Iterator
from pathlib import Path

from sluicegate.core.dialect import DialectName
from sluicegate.providers.presets import Preset, presets
from sluicegate.providers.way import BEARER, CREDENTIAL_HEADER

PAGE = Path(__file__).with_name("providers.md")
BEGIN = "<!-- presets: written by `make docs` -->\n"
END = "<!-- end of presets -->\n"


def page() -> str:
    """The whole page, its table made anew."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}{table()}{END}{rest.partition(END)[2]}"


def table() -> str:
    """One row for each preset."""
    rows = ["| preset | dialects | base URL | credential | quirks | place |", "|---|---|---|---|---|---|"]
    rows += [f"| {' | '.join(_cells(preset))} |" for preset in presets().values()]
    return "\n".join(rows) + "\n"


def _cells(preset: Preset) -> Iterator[str]:
    yield f"`{preset.name}`"
    yield ", ".join(f"`{dialect}`" for dialect in preset.dialects)
    yield f"`{preset.base_url}`" if preset.base_url else f"as in `{preset.example}`"
    yield _credential(preset)
    yield ", ".join(f"`{quirk}`" for quirk in preset.quirks) or "none"
    yield f"`{preset.place}`"


def _credential(preset: Preset) -> str:
    if preset.auth is not None and preset.auth.kind != "header":
        return {"aws": "signature", "google": "token of Google Cloud", "entra": "token of Entra"}[preset.auth.kind]
    if preset.auth is not None:
        return f"`{preset.auth.header}{f': {preset.auth.scheme}' if preset.auth.scheme else ''}`"
    return ", ".join(dict.fromkeys(_usual(dialect) for dialect in preset.dialects))


def _usual(dialect: DialectName) -> str:
    name, before = CREDENTIAL_HEADER.get(dialect, BEARER)
    return f"`{name}{f': {before.strip()}' if before else ''}`"
