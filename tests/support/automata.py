"""Where tests keep compiled guardrails: beside the clone's other caches, so that a run compiles the packs once."""

from pathlib import Path

KEPT = Path(__file__).resolve().parents[2] / ".automata"
ENVIRON = {"SLUICEGATE_DLP__AUTOMATA_DIR": str(KEPT)}
"""For a gateway or a command in a process of its own."""
