import pytest

from sluicegate.core.errors import InvalidRequest
from sluicegate.core.exchange import Arrival, Exchange
from sluicegate.dlp.vault import SESSION_HEADER, Owner, Placeholders, Vault, owner_of
from tests.support.exchanges import grant

OURS = Owner("o", "k", "s", True)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_numbers_are_given_by_first_appearance_and_once_per_value() -> None:
    made = Placeholders(10)
    names = [made.placeholder(label, value) for label, value in (("CARD", "1"), ("CARD", "2"), ("SSN", "1"), ("CARD", "1"))]
    assert names == ["<CARD_1>", "<CARD_2>", "<SSN_1>", "<CARD_1>"]
    assert made.values == {"<CARD_1>": "1", "<CARD_2>": "2", "<SSN_1>": "1"}


def test_the_next_turn_of_a_session_goes_on() -> None:
    made = Placeholders(10, {"<CARD_1>": "1", "<CARD_3>": "3"})
    assert [made.placeholder("CARD", value) for value in "3214"] == ["<CARD_3>", "<CARD_2>", "<CARD_1>", "<CARD_4>"]


def test_numbers_in_the_prompt_are_not_given_out_and_stand_for_nothing() -> None:
    made = Placeholders(10, {"<CARD_1>": "1"})
    made.avoid(["I typed <CARD_1> and <CARD_2>", "none", "< <CARD_04> <card_4>"])
    assert made.values == {}
    assert [made.placeholder("CARD", value) for value in ("1", "9", "8")] == ["<CARD_3>", "<CARD_4>", "<CARD_5>"]


def test_beyond_the_bound_there_are_none() -> None:
    made = Placeholders(1)
    assert made.placeholder("CARD", "1") == "<CARD_1>"
    assert made.placeholder("CARD", "2") is None
    assert made.placeholder("CARD", "1") == "<CARD_1>"


@pytest.mark.parametrize(
    "other",
    [Owner("p", "k", "s", True), Owner("o", "x", "s", True), Owner("o", "k", "t", True), Owner("o", "k", "s", False)],
)
def test_nobody_else_opens_what_is_sealed(other: Owner) -> None:
    vault = Vault(10, 60)
    sealed = vault.seal(OURS, {"<CARD_1>": "secret"})
    assert b"secret" not in sealed
    assert vault.open(OURS, sealed) == {"<CARD_1>": "secret"}
    assert vault.open(other, sealed) == {}
    assert Vault(10, 60).open(OURS, sealed) == {}
    vault.keep(OURS, sealed)
    assert vault.recall(other) == {}
    assert vault.recall(OURS) == {"<CARD_1>": "secret"}


def test_sessions_end_and_are_bounded() -> None:
    clock = Clock()
    vault = Vault(2, 60, clock)
    owners = [Owner("o", "k", name, True) for name in "abc"]
    for owner in owners:
        vault.keep(owner, vault.seal(owner, {"<A_1>": owner.session}))
    assert [vault.recall(owner) for owner in owners] == [{}, {"<A_1>": "b"}, {"<A_1>": "c"}]
    clock.now = 30
    vault.keep(owners[1], vault.seal(owners[1], {}))
    clock.now = 60
    assert vault.recall(owners[2]) == {}
    assert len(vault) == 1
    clock.now = 200
    vault.keep(owners[0], b"")
    assert len(vault) == 1


@pytest.mark.parametrize(("session", "named"), [(None, False), ("chat-1", True)])
def test_whose_values_they_are(session: str | None, named: bool) -> None:
    made = Exchange("e", None, Arrival("/", "", {} if session is None else {SESSION_HEADER: session}))  # type: ignore[arg-type]  # not asked
    made.grant = grant()
    owner = owner_of(made)
    assert owner == Owner(made.grant.organisation, made.grant.key_id, session or "e", named)


@pytest.mark.parametrize("session", ["", "a b", "x" * 129, "ä", "a\n"])
def test_what_names_no_session(session: str) -> None:
    made = Exchange("e", None, Arrival("/", "", {SESSION_HEADER: session}))  # type: ignore[arg-type]  # not asked
    made.grant = grant()
    with pytest.raises(InvalidRequest):
        owner_of(made)
