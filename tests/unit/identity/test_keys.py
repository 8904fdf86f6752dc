"""Virtual keys: their form, and that nothing else has it."""

import re

import pytest

from sluicegate.identity import keys

FORM = re.compile(r"sk-sg-[0-9A-Za-z]{49}")


def test_a_minted_key_has_the_documented_form() -> None:
    made = {keys.mint() for _ in range(100)}
    assert len(made) == 100
    for key in made:
        assert FORM.fullmatch(key)
        assert len(key) == keys.LENGTH == 55
        assert keys.well_formed(key)
        assert not keys.well_formed_session(key)


def test_a_session_token_is_no_key() -> None:
    token = keys.mint_session()
    assert keys.well_formed_session(token)
    assert not keys.well_formed(token)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda key: "",
        lambda key: key + " ",
        lambda key: " " + key,
        lambda key: key + "\n",
        lambda key: key + "\x00",
        lambda key: key[:-1],
        lambda key: key + "0",
        lambda key: key[:-1] + "\x00",
        lambda key: key.upper(),
        lambda key: key.replace("sk-sg-", "sk-sq-"),
        lambda key: "\u0455" + key[1:],  # looks like an s
        lambda key: key[:10] + "\u0661" + key[11:],  # a digit, and not an ASCII one
        lambda key: key[:10] + "\uff21" + key[11:],
        lambda key: key[:10] + "-" + key[11:],
        lambda key: key[:10] + "\ud800" + key[11:],
    ],
)
def test_nothing_is_tolerated(spoil: object) -> None:
    assert callable(spoil)
    assert not keys.well_formed(spoil(keys.mint()))


def test_the_digest_is_of_the_whole_text() -> None:
    key = keys.mint()
    assert len(keys.digest(key)) == 32
    assert keys.digest(key) != keys.digest(key[:-1])
    assert keys.digest("\ud800") != keys.digest("")
    assert keys.hint(key) == key[-4:]
