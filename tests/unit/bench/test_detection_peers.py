"""Asking peers; none is installed here."""

import json
import re
from pathlib import Path

import pytest

from bench.detection_kinds import LOOKS_FOR
from bench.detection_peers import PEERS, Peer, Unavailable, answer, ask, version
from bench.detection_score import Finding

PRESIDIO = next(peer for peer in PEERS if peer.name == "presidio")


def output(*findings: list[list[object]]) -> bytes:
    lines: list[object] = [{"id": number, "findings": found} for number, found in enumerate(findings)]
    return "\n".join(json.dumps(line) for line in [*lines, {"cpu": 1.5}]).encode()


def stub(tmp_path: Path, script: str) -> Path:
    """A program in place of the peer's interpreter."""
    path = tmp_path / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    return path


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_every_peer_is_pinned_with_all_it_needs(peer: Peer) -> None:
    assert peer.runner.exists()
    pins = peer.pins.read_text().splitlines()
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][0-9A-Za-z.+]*", pin) for pin in pins)
    assert version(peer) in pins
    assert set(peer.shown) <= set(LOOKS_FOR)


def test_an_answer_is_shown_under_each_name_from_its_score_on() -> None:
    asked = answer(PRESIDIO, output([["UK_NINO", 1, 4, 0.2], ["CREDIT_CARD", 5, 9, 0.4]], []), 2)
    card = Finding(frozenset({"card"}), 5, 9)
    assert asked.found["Presidio ≥ 0.4"] == [[card], []]
    assert asked.found["Presidio"] == [[Finding(frozenset({"national_id", "tax_id", "ssn"}), 1, 4), card], []]
    assert asked.seconds == 1.5


@pytest.mark.parametrize("written", [b"", output(), output([], []), b'{"id": 0, "findings": []}'])
def test_an_answer_that_leaves_rows_out_is_none(written: bytes) -> None:
    with pytest.raises(Unavailable, match="of 1 rows"):
        answer(PRESIDIO, written, 1)


def test_rows_go_in_and_findings_come_out(tmp_path: Path) -> None:
    program = stub(tmp_path, "cat >/dev/null; printf '%s\\n' '" + output([["CREDIT_CARD", 0, 4, 1.0]]).decode() + "'")
    assert ask(PRESIDIO, ["text"], lambda _: program).found["Presidio"] == [[Finding(frozenset({"card"}), 0, 4)]]


def test_a_peer_that_fails_is_named_without_what_it_said_of_a_row(tmp_path: Path) -> None:
    program = stub(tmp_path, "cat >/dev/null; echo 'ValueError: private words' >&2; exit 3")
    with pytest.raises(Unavailable, match=r"ended with 3: ValueError$"):
        ask(PRESIDIO, ["private words"], lambda _: program)


def test_a_peer_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="FileNotFoundError"):
        ask(PRESIDIO, ["text"], lambda _: tmp_path / "missing")
