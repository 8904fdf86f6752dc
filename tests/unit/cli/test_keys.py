import re
import time
from hashlib import sha256

import pytest

from sluicegate.identity.keys import mint
from sluicegate.store import tables
from tests.support.installation import Installation

NEW = ("keys", "create", "--use-case", "demo", "--name", "mine", "--principal", "user:ada")


def created(installation: Installation, *more: str) -> tuple[str, str]:
    """The id and the text of a new key."""
    result = installation.run(*NEW, *more)
    assert result.exit_code == 0, result.output
    found = re.fullmatch(r"id   (\S+)\nkey  (sk-sg-\S+)\n", result.output)
    assert found
    return found[1], found[2]


def row(installation: Installation, id: str) -> dict[str, object]:
    (found,) = [found for found in installation.rows(tables.virtual_key) if found["id"] == id]
    return found


def test_a_key_is_bound_and_shown_once(installation: Installation) -> None:
    id, key = created(installation)
    stored = row(installation, id)
    assert stored["digest"] == sha256(key.encode()).digest()
    assert (stored["name"], stored["principal"], stored["origin"], stored["expires_at"]) == ("mine", "user:ada", "cli", None)
    assert key not in installation.run("keys", "list").output
    assert installation.acts()[-1][1:] == ("key.create", "key:mine")


def test_an_expiry_is_utc_unless_it_says(installation: Installation) -> None:
    id, _ = created(installation, "--expires", "2999-01-01")
    other, _ = created(installation, "--expires", "2999-01-01T02:00:00+02:00")
    assert row(installation, id)["expires_at"] == row(installation, other)["expires_at"] == 32472144000.0


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--use-case", "nothing", "there is no use case 'nothing' in the organisation 'default'"),
        ("--organisation", "nobody", "there is no use case 'demo' in the organisation 'nobody'"),
        ("--principal", "ada", "--principal: expected user:NAME or service_account:NAME"),
        ("--principal", "user:a b", "--principal: expected"),
        ("--principal", "user:" + "a" * 129, "--principal: expected"),
        ("--name", "two words", "--name: expected letters"),
        ("--name", "", "--name: expected letters"),
        ("--expires", "tomorrow", "--expires: 'tomorrow' is no ISO 8601 date"),
        ("--expires", "2001-01-01", "--expires: the key would have expired already"),
    ],
)
def test_what_cannot_be_created(installation: Installation, option: str, value: str, said: str) -> None:
    result = installation.run(*NEW, option, value)
    assert result.exit_code == 1
    assert said in result.stderr
    assert len(installation.rows(tables.virtual_key)) == 1


def test_the_list_tells_states_and_no_texts(installation: Installation) -> None:
    id, key = created(installation)
    installation.run("keys", "revoke", id)
    lines = installation.run("keys", "list").output.splitlines()
    assert lines[0].split() == ["ID", "NAME", "KEY", "USE", "CASE", "PRINCIPAL", "STATE", "ORIGIN"]
    (mine,) = [line.split() for line in lines if line.startswith(id)]
    assert mine == [id, "mine", f"…{key[-4:]}", "demo", "user:ada", "revoked", "cli"]


def test_revoking_is_recorded(installation: Installation) -> None:
    id, _ = created(installation)
    assert installation.run("keys", "revoke", id).output == f"revoked {id}\n"
    revoked = row(installation, id)["revoked_at"]
    assert isinstance(revoked, float)
    assert revoked <= time.time()
    assert installation.acts()[-1][1:] == ("key.revoke", f"key:{id}")


@pytest.mark.parametrize(("overlap", "seconds"), [((), 86_400.0), (("--overlap", "0"), 0.0), (("--overlap", "5"), 5.0)])
def test_rotation_keeps_the_id_and_the_old_text_for_a_while(
    installation: Installation, overlap: tuple[str, ...], seconds: float
) -> None:
    id, old = created(installation)
    before = time.time()
    result = installation.run("keys", "rotate", id, *overlap, SLUICEGATE_IDENTITY__ROTATION_OVERLAP="86400")
    assert result.exit_code == 0, result.output
    new = result.output.split()[1]
    assert row(installation, id)["digest"] == sha256(new.encode()).digest()
    (left,) = [row for row in installation.rows(tables.virtual_key) if row["rotated_to"] == id]
    assert left["digest"] == sha256(old.encode()).digest()
    assert before + seconds <= left["revoked_at"] <= time.time() + seconds
    assert len([line for line in installation.run("keys", "list").output.splitlines() if line.startswith(id)]) == 1


def test_a_revoked_key_is_not_rotated(installation: Installation) -> None:
    id, _ = created(installation)
    installation.run("keys", "revoke", id)
    acts = installation.acts()
    result = installation.run("keys", "rotate", id)
    assert (result.exit_code, result.stderr) == (1, "only a valid key can be rotated; create a new one\n")
    assert installation.acts() == acts


@pytest.mark.parametrize("command", ["revoke", "rotate"])
def test_an_unknown_key(installation: Installation, command: str) -> None:
    result = installation.run("keys", command, "nothing")
    assert (result.exit_code, result.stderr) == (1, "there is no key with the id nothing\n")


@pytest.mark.parametrize("command", ["revoke", "rotate"])
def test_a_declared_key_is_changed_in_its_file(fresh: Installation, command: str) -> None:
    fresh.write(
        {
            "organisations": [{"name": "acme"}],
            "teams": [{"organisation": "acme", "name": "t"}],
            "use_cases": [{"organisation": "acme", "team": "t", "name": "c", "purpose": "Tests."}],
            "keys": [
                {
                    "organisation": "acme",
                    "use_case": "c",
                    "name": "k",
                    "principal": "user:ada",
                    "sha256": sha256(mint().encode()).hexdigest(),
                }
            ],
        }
    )
    (declared,) = [row for row in fresh.start().rows(tables.virtual_key) if row["origin"] == "file"]
    result = fresh.run("keys", command, declared["id"])
    assert (result.exit_code, result.stderr) == (1, "this key is declared in the settings file; change it there\n")
    assert row(fresh, declared["id"])["revoked_at"] is None
