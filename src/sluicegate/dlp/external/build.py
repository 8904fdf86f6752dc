"""From a section of the policy file to a detector.

    detectors:
      presidio: {type: presidio, url: http://presidio:3000, timeout: 2}

The name is what the verdict is recorded under; what it can find is named in a policy like a rule.
"""

import re

from sluicegate.dlp.detector import Detector
from sluicegate.dlp.external.doors import Doors
from sluicegate.dlp.external.judge import Judge, JudgeSpec
from sluicegate.dlp.external.plugin import Plugin, PluginSpec
from sluicegate.dlp.external.presidio import Presidio, PresidioSpec
from sluicegate.dlp.external.webhook import Webhook, WebhookSpec
from sluicegate.dlp.packs import RuleError
from sluicegate.dlp.panel import PATTERNS

DetectorSpec = PresidioSpec | JudgeSpec | WebhookSpec | PluginSpec
"""A section; its member `type` says which."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


def build(name: str, spec: DetectorSpec, doors: Doors) -> Detector:
    """The detector called `name`. Raises RuleError, naming the place that is wrong."""
    if not _NAME.fullmatch(name) or name == PATTERNS:
        raise RuleError(f"detectors.{name}: a name is lower-case letters, digits and _, at most 32, and not `{PATTERNS}`")
    match spec:
        case PresidioSpec():
            return Presidio(name, spec, doors)
        case JudgeSpec():
            return Judge(name, spec, doors)
        case WebhookSpec():
            return Webhook(name, spec, doors)
        case PluginSpec():
            return Plugin(name, spec)
