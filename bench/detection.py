"""`python -m bench.detection FOLDER`: what the shipped packs find in labelled sets, and what detection costs.

FOLDER holds `pii.jsonl`, `secrets.jsonl.gz` and `benign.jsonl`: rows with `text`, `label` and `kind`. They are read where
they stand, and no text of them is printed.
"""

import argparse
import gzip
import json
import time
from collections.abc import Callable, Iterator
from math import sqrt
from pathlib import Path
from typing import Any

from sluicegate.dlp.channel import TextChannel
from sluicegate.dlp.findings import Action
from sluicegate.dlp.inspection import REMEMBERED_FROM, Inspection, Judged
from sluicegate.dlp.policies import Policies
from sluicegate.settings import Dlp

Row = dict[str, Any]
KINDS = {
    "CREDIT_CARD": {"card"},
    "IBAN_CODE": {"iban"},
    "EMAIL_ADDRESS": {"email"},
    "US_SSN": {"ssn", "tax_id"},
    "CA_SIN": {"national_id", "ssn", "tax_id"},
    "CRYPTO": {"crypto_wallet"},
    "IMEI": {"device_id"},
    "IP_ADDRESS": {"ip_address"},
    "MAC_ADDRESS": {"mac_address"},
    "DATE_TIME": {"date_of_birth"},
    "PEM Private Key": {"private_key"},
}
"""The sets' names for kinds; others go by the ends of their names (ENDINGS)."""
ENDINGS = {
    ("PHONE_NUMBER", "MOBILE_NUMBER"): {"phone"},
    ("PASSPORT",): {"passport"},
    ("DRIVER_LICENSE", "FUEHRERSCHEIN"): {"driving_licence"},
    ("HEALTH_INSURANCE", "NHS", "MBI"): {"health_id"},
    ("BSNR", "LANR", "NPI", "MEDICAL_LICENSE"): {"health_id", "medical_licence"},
    ("BANK_NUMBER", "ROUTING_NUMBER"): {"bank_account"},
    ("VAT_ID",): {"vat", "tax_id", "business_id"},
    ("VEHICLE_REGISTRATION", "LICENSE_PLATE", "KFZ"): {"licence_plate"},
    ("ABN", "ACN", "BRN", "GSTIN", "HANDELSREGISTER", "ORGANISATIONSNUMMER"): {"business_id", "tax_id"},
    (
        *("NATIONAL_ID", "ID_NUMBER", "ID_CARD", "PERSONAL_IDENTITY_CODE", "PERSONNUMMER", "PESEL", "NINO"),
        *(
            "NRIC_FIN",
            "NIE",
            "NIF",
            "FRN",
            "TNIN",
            "SOCIAL_SECURITY",
            "TAX_ID",
            "TAX_NUMBER",
            "FISCAL_CODE",
            "ITIN",
            "TIN",
            "PAN",
        ),
    ): {"national_id", "tax_id", "ssn"},
}


def wanted(name: str) -> tuple[str, set[str]]:
    """What a set calls a kind, as this bench calls it and as the rules do; empty where no rule looks for such."""
    if name in KINDS:
        return sorted(KINDS[name])[0], KINDS[name]
    found = next((kinds for endings, kinds in ENDINGS.items() if name.endswith(endings)), set[str]())
    return sorted(found)[0] if found else "", found


def rows(path: Path) -> Iterator[Row]:
    content = path.read_bytes()
    for line in (gzip.decompress(content) if path.suffix == ".gz" else content).splitlines():
        yield json.loads(line)


def share(hits: int, of: int) -> str:
    """A share with its 95 % interval (Wilson), in per cent."""
    if not of:
        return "none"
    p, z = hits / of, 1.96
    middle, half = p + z * z / (2 * of), z * sqrt(p * (1 - p) / of + z * z / (4 * of * of))
    low, high = ((middle + sign * half) / (1 + z * z / of) * 100 for sign in (-1, 1))
    return f"{hits:4d}/{of:<4d} {p * 100:5.1f} % [{low:.1f}, {high:.1f}]"


def microseconds(work: Callable[[], object], times: int) -> float:
    """CPU time of one run: the best of five series."""
    best = float("inf")
    for _ in range(5):
        start = time.process_time()
        for _ in range(times):
            work()
        best = min(best, (time.process_time() - start) / times * 1e6)
    return best


def kinds_in(by: Inspection, text: str) -> set[str]:
    return {by.scanner.rules[index].kind for index in by.find([("", text)])[0].counts}


def personal(by: Inspection, folder: Path) -> None:
    found: dict[tuple[str, str, str], list[bool]] = {}
    for row in rows(folder / "pii.jsonl"):
        kind, kinds = wanted(row["kind"])
        if kinds and not row.get("weak"):
            hit = bool(kinds & kinds_in(by, row["text"]))
            found.setdefault((kind, row["label"], row["form"]), []).append(hit)
    for (kind, label, form), hits in sorted(found.items()):
        print(f"{kind:15} {label:9} {form:9} {share(sum(hits), len(hits))}")
    for form in ("sentence", "bare"):
        hits = [hit for (kind, label, where), all_ in found.items() if (label, where) == ("negative", form) for hit in all_]
        print(f"{'all':15} {'negative':9} {form:9} {share(sum(hits), len(hits))}")


def credentials(by: Inspection, folder: Path) -> None:
    wanted = {"credential", "private_key"}
    for label in ("positive", "negative"):
        all_ = [row for row in rows(folder / "secrets.jsonl.gz") if row["label"] == label]
        hits = [bool(wanted & kinds_in(by, row["text"])) for row in all_]
        print(f"{'credentials':12} {label:9} {share(sum(hits), len(hits))}")
        ours = ("aws", "openai", "anthropic", "github", "slack", "private key")
        narrow = [hit for row, hit in zip(all_, hits, strict=True) if any(name in row["kind"].lower() for name in ours)]
        print(f"{'  formats':12} {label:9} {share(sum(narrow), len(narrow))}  (kinds named {', '.join(ours)})")


def benign(by: Inspection, folder: Path) -> None:
    for lockfiles in (False, True):
        texts = [row["text"] for row in rows(folder / "benign.jsonl") if (row["kind"] == "lockfile") is lockfiles]
        per: dict[str, int] = {}
        flagged = 0
        for text in texts:
            kinds = kinds_in(by, text)
            flagged += bool(kinds)
            for kind in kinds:
                per[kind] = per.get(kind, 0) + 1
        print(f"{'lock files' if lockfiles else 'ordinary':12} {'flagged':9} {share(flagged, len(texts))}  {per}")


def cost(policies: Policies, by: Inspection, folder: Path) -> None:
    prose = [
        row["text"]
        for row in rows(folder / "benign.jsonl")
        if row["kind"] in ("prompt", "response", "docs", "prompt_real_user")
    ]
    joined = "\n".join(prose)
    kilobyte, large = joined[5_000:6_024], joined[:100_000]
    texts = [("content", kilobyte[at : at + 128]) for at in range(0, 1_024, 128)]
    print(f"prompt of 1 KB, one text        {microseconds(lambda: by.find([('content', kilobyte)]), 2_000):8.1f} µs")
    print(f"prompt of 1 KB, eight texts     {microseconds(lambda: by.find(texts), 2_000):8.1f} µs")
    pieces = [large[at : at + REMEMBERED_FROM - 1] for at in range(0, len(large), REMEMBERED_FROM - 1)]
    fresh = [("content", piece) for piece in pieces]
    print(f"prompt of 100 KB, unseen        {microseconds(lambda: by.find(fresh), 20):8.1f} µs")
    print(f"prompt of 100 KB, judged before {microseconds(lambda: by.find([('content', large)]), 20):8.1f} µs")
    for size in (5, 12, 30):
        held = fed = 0
        start = time.process_time()
        for text in prose[:300]:
            channel = TextChannel(by)
            for at in range(0, len(text), size):
                channel.feed(text[at : at + size])
                held, fed = held + channel.length - channel.mark, fed + 1
        spent = (time.process_time() - start) / fed * 1e6
        print(f"stream, {size:2d} characters an event  {spent:8.1f} µs, {held / fed:.1f} characters held on average")
    near = {
        "card numbers, wrong digit": " 4111 1111 1111 1112",
        "social security, unused": " 000-12-3456",
        "IBAN, wrong check": " GB82 WEST 1234 5698 7654 33",
        "e-mail addresses (found)": " a@b.co",
        "digits in one run": "1",
        "beginnings of keys": "-----BEGIN " + "PRIVATE KEY-----",
    }
    for name, unit in near.items():
        text = (unit * (1_000_000 // len(unit) + 1))[:1_000_000]
        start = time.process_time()
        by.find([("", text)])
        print(f"1 MB of {name:27} {(time.process_time() - start) * 1e3:6.0f} ms")
    print(f"compiled automata {policies.edition.scanner_bytes / 1e6:.2f} MB; version {policies.version}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    start = time.perf_counter()
    policies = Policies(Dlp())
    print(f"compiled in {time.perf_counter() - start:.2f} s")
    shipped = policies.policy("default").prompt
    assert shipped is not None
    scanner = shipped.scanner
    by = Inspection(scanner, dict.fromkeys((rule.id for rule in scanner.rules), Action.ALERT), 1_000, Judged(20_000))
    for part in (personal, credentials, benign):
        part(by, folder)
    cost(policies, by, folder)


if __name__ == "__main__":
    main()
