from typing import get_args

import pytest

from sluicegate.dlp.detector import Signal
from sluicegate.dlp.findings import Action, Treatment
from sluicegate.dlp.packs import RuleError
from sluicegate.dlp.policy_file import Entry, Named, Override, Role, names, read_book, read_policy, refusals, treatments
from sluicegate.identity import roles

CARD = Signal(id="visa", kind="card", severity="high", label="CARD")
SMALL = Signal(id="gift", kind="card", severity="low", label="CARD")
BOTH = (CARD, SMALL)


def read(prompt: str = "{}", answer: str = "{}", more: str = "") -> None:
    read_book(f"policies: {{a: {{prompt: {prompt}, answer: {answer}{more}}}}}".encode())


def test_the_short_form_and_the_long_one() -> None:
    written = {
        "card": {"action": "redact", "count": 3, "below": "tokenise", "severity": "high", "mode": "shadow"},
        "*": "alert",
    }
    spec = read_policy("a", {"prompt": written, "answer": {}, "unscannable": {"pdf": "block"}})
    assert spec.prompt["*"] is Action.ALERT
    assert treatments(BOTH, spec.prompt, "enforce") == [
        Treatment(Action.REDACT, True, 3, Action.TOKENISE, 1),
        Treatment(Action.ALERT),
    ]
    assert treatments([CARD], {}, "enforce") == [Treatment(Action.ALLOW)]


def test_a_severity_leaves_milder_rules_to_the_next_wider_name() -> None:
    named = {"visa": Entry(action=Action.BLOCK, severity="critical"), "card": Entry(action=Action.REDACT, severity="high")}
    assert [each.action for each in treatments(BOTH, named, "enforce")] == [Action.REDACT, Action.ALLOW]


def test_a_policy_in_shadow_enforces_nothing() -> None:
    named: Named = {"visa": Action.BLOCK, "card": Entry(action=Action.REDACT)}
    assert all(each.shadow for each in treatments(BOTH, named, "shadow"))


def test_what_is_below_a_count_is_told_unless_something_else_is_named() -> None:
    (treatment,) = treatments([CARD], {"card": Entry(action=Action.BLOCK, count=2)}, "enforce")
    assert (treatment.at(1), treatment.at(2), treatment.at(3)) == (Action.ALERT, Action.BLOCK, Action.BLOCK)
    assert treatment.possible == {Action.ALERT, Action.BLOCK}


def test_names_from_the_narrowest_on() -> None:
    assert names(CARD) == ("visa", "card.INT", "*.INT", "card", "*")


@pytest.mark.parametrize(
    ("teams", "roles", "fits"),
    [
        ((), ("viewer",), True),
        (("x",), (), True),
        (("1",), ("viewer", "admin"), True),
        (("y",), ("viewer",), False),
        (("x",), ("admin",), False),
    ],
)
def test_an_override_fits_by_team_and_role(teams: tuple[str, ...], roles: tuple[Role, ...], fits: bool) -> None:
    assert Override(teams=teams, roles=roles).fits(("1", "x"), "viewer") is fits


def test_a_policy_under_an_override() -> None:
    spec = read_policy("a", {"prompt": {"card": "alert", "visa": "alert"}, "answer": {}, "mode": "shadow"})
    under = spec.under(Override(roles=("viewer",), prompt={"card": Action.BLOCK}, mode="enforce"))
    assert under.prompt == {"card": Action.BLOCK, "visa": Action.ALERT}
    assert (under.mode, under.unscannable) == ("enforce", "allow")


def test_what_cannot_be_read_by_kind() -> None:
    assert refusals("block") == {"*": True}
    assert refusals({"pdf": "block"}) == {"*": False, "pdf": True}
    assert refusals({"image": "allow", "*": "block"}) == {"*": True, "image": False}


@pytest.mark.parametrize(
    ("prompt", "answer", "more", "why"),
    [
        ("{card: reduct}", "{}", "", r"policies.a: Invalid enum value 'reduct' - at `\$.prompt"),
        ("{card: {}}", "{}", "", "required field `action`"),
        ("{card: {action: block, cuont: 2}}", "{}", "", "unknown field `cuont`"),
        ("{card: {action: block, count: 0}}", "{}", "", "count"),
        ("{card: {action: block, mode: enforced}}", "{}", "", "enforced"),
        ("{card: {action: block, severity: worst}}", "{}", "", "worst"),
        ("{card: {action: block, below: alert}}", "{}", "", "policies.a.prompt.card: `below` says nothing"),
        ("{card: {action: allow, count: 2}}", "{}", "", "policies.a.prompt.card: `count` says nothing"),
        ("{}", "{card: tokenise}", "", "policies.a.answer.card: tokenise is for prompts only"),
        ("{}", "{card: {action: reroute}}", "", "policies.a.answer.card: reroute is for prompts only"),
        ("{}", "{card: {action: block, count: 2, below: tokenise}}", "", "tokenise is for prompts only"),
        ("{}", "{}", ", overrides: [{prompt: {card: block}}]", r"policies.a.overrides\[0\]: names neither"),
        (
            "{}",
            "{}",
            ", overrides: [{roles: [viewer], answer: {card: tokenise}}]",
            r"policies.a.overrides\[0\].answer.card: tokenise",
        ),
        ("{}", "{}", ", overrides: [{role: [x]}]", "unknown field `role`"),
        ("{}", "{}", ", unscannable: {Pdf: block}", "unscannable"),
        ("{}", "{}", ", unscannable: {pdf: refuse}", "refuse"),
        ("{}", "{}", ", mode: off", "mode"),
        ("{", "{}", "", "while parsing"),
    ],
)
def test_what_is_wrong_is_named_by_its_place(prompt: str, answer: str, more: str, why: str) -> None:
    with pytest.raises(RuleError, match=why):
        read(prompt, answer, more)


@pytest.mark.parametrize(
    ("section", "why"),
    [
        ("{type: webhook}", r"detectors\.own: .*`url`"),
        ("{type: nobody}", r"detectors\.own: .*nobody"),
        ("{type: presidio, url: 'http://a', tiemout: 2}", "unknown field `tiemout`"),
        ("5", "detectors"),
    ],
)
def test_a_detector_that_is_wrong_is_named_by_its_place(section: str, why: str) -> None:
    with pytest.raises(RuleError, match=why):
        read_book(f"policies: {{}}\ndetectors: {{own: {section}}}".encode())


def test_the_detectors_of_a_file() -> None:
    book = read_book(b"policies: {}\ndetectors: {own: {type: presidio, url: 'http://a', timeout: 5}}")
    assert (book.detectors["own"].timeout, book.detectors["own"].on_failure) == (5, "refuse")


@pytest.mark.parametrize(
    "content",
    [
        b"policies:\n  a: {prompt: {card: block}, answer: {}}\n  a: {prompt: {}, answer: {}}\n",
        b"policies:\n  a: {prompt: {card: block, card: allow}, answer: {}}\n",
        b"policies: {a: {prompt: {card: 2020-99-99}, answer: {}}}\n",
    ],
)
def test_what_silently_undoes_or_breaks_is_told(content: bytes) -> None:
    with pytest.raises(RuleError, match=r"already|its type"):
        read_book(content)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (", overrides: [{roles: [develper], prompt: {card: block}}]", r"develper.*roles"),
        (", unscannable: {pfd: block}", r"pfd.*unscannable"),
        (", overrides: [{roles: [viewer], unscannable: {images: block}}]", r"images.*unscannable"),
    ],
)
def test_a_word_that_fits_nothing_is_told(more: str, why: str) -> None:
    with pytest.raises(RuleError, match=why):
        read(more=more)


def test_roles_are_those_of_users_and_the_one_of_a_key_without_a_user() -> None:
    assert {*roles.Role, "service_account"} == set(get_args(Role))


@pytest.mark.parametrize("name", ["a\u0000b", "a\nb", "", "-a", "two words", "x" * 129, "\u202ea"])
def test_a_policy_is_called_as_objects_are(name: str) -> None:
    with pytest.raises(RuleError, match="a policy's name has letters") as refused:
        read_policy(name, {"prompt": {}, "answer": {}})
    assert str(refused.value).isprintable()


def test_a_file_that_calls_a_policy_by_what_is_no_name() -> None:
    with pytest.raises(RuleError, match="a policy's name has letters"):
        read_book(b'policies: {"a\\u0007": {prompt: {}, answer: {}}}')
