"""detect-secrets with all its plug-ins and default filters, as its command line scans a file."""

import json
import sys
import tempfile
import time
from pathlib import Path

from detect_secrets import SecretsCollection
from detect_secrets.settings import default_settings


def found(text: str, path: Path) -> list[list[object]]:
    """Kind, start and end of each secret; it names the line and the value."""
    path.write_text(text, encoding="utf-8", errors="replace")
    secrets = SecretsCollection()
    secrets.scan_file(str(path))
    lines = text.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    findings: list[list[object]] = []
    for _, secret in secrets:
        start = starts[min(secret.line_number, len(lines)) - 1]
        inside = text.find(secret.secret_value or "", start)
        at = inside if inside >= 0 else start
        findings.append([secret.type, at, at + len(secret.secret_value or " "), 1.0])
    return findings


def main() -> None:
    """Read rows, write findings."""
    with tempfile.TemporaryDirectory() as folder, default_settings():
        path = Path(folder) / "text"
        found("password = 1", path)
        start = time.process_time()
        for line in sys.stdin:
            row = json.loads(line)
            print(json.dumps({"id": row["id"], "findings": found(row["text"], path)}))
        print(json.dumps({"cpu": time.process_time() - start}))


if __name__ == "__main__":
    main()
