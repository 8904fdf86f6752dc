import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace

from sluicegate.dlp.detector import Detector, DetectorFailed, ScriptedDetector, Signal
from sluicegate.dlp.findings import CLEAN, Action
from sluicegate.dlp.policies import Policies
from sluicegate.dlp.policy import MAX_POLICY_BYTES, SHIPPED, PolicyError, UnknownPolicy
from sluicegate.doors import open_doors
from sluicegate.settings import Dlp
from tests.support.automata import KEPT
from tests.support.calls import Caller
from tests.support.guardrails import CARD, policies
from tests.support.outside import Answering
from tests.support.outside import found as asked
from tests.support.upstream import Reply, Request, json_reply

SMALL = "policies: {default: {prompt: {payment_card: redact}, answer: {}}}"
OWN = """
policies:
  default: {prompt: {"*": alert, card: block, payment_card: redact, email: allow}, answer: {ticket: redact}}
rules:
  - {id: ticket, kind: ticket, severity: low, label: TICKET, pattern: 'T-[0-9]{4}'}
"""


def written(path: Path, content: str) -> Policies:
    path.write_text(content)
    return Policies(Dlp(policies=str(path)), KEPT)


def test_what_ships() -> None:
    own = policies()
    assert own.path == SHIPPED
    assert len(own.version) == 16
    default, strict, off = (own.policy(name) for name in ("default", "strict", "off"))
    assert default.prompt is not None
    assert default.answer is not None
    assert len(own.edition.scanners) == 1
    assert strict.refuses("image")
    assert not default.refuses("image")
    assert (off.prompt, off.answer) == (None, None)
    kinds = {rule.kind: action for rule, action in zip(default.prompt.subjects, default.prompt.actions, strict=True)}
    assert kinds["credential"] is Action.BLOCK
    assert kinds["card"] is Action.REDACT
    assert kinds["email"] is Action.ALERT


def test_the_narrowest_name_counts_and_allow_is_not_looked_for(tmp_path: Path) -> None:
    policy = written(tmp_path / "p.yaml", OWN).policy("default")
    assert policy.prompt is not None
    actions = dict(zip([rule.id for rule in policy.prompt.scanner.rules], policy.prompt.actions, strict=True))
    assert actions["payment_card"] is Action.REDACT
    assert actions["iban"] is Action.ALERT
    assert "email_address" not in actions
    assert policy.answer is not None
    assert [rule.id for rule in policy.answer.scanner.rules] == ["ticket"]
    assert len(policy.answer.find([("", "T-1234")])[0].edits) == 1


def test_a_jurisdiction_is_narrower_than_a_kind_and_wider_than_a_rule(tmp_path: Path) -> None:
    jurisdictions = "national_id.PL: block, '*.PL': redact, '*.SE': allow, ticket.INT: alert"
    prompt = f"national_id: alert, se_personal_number: block, {jurisdictions}"
    content = OWN.replace('"*": alert, card: block, payment_card: redact, email: allow', prompt)
    policy = written(tmp_path / "p.yaml", content).policy("default")
    assert policy.prompt is not None
    actions = dict(zip([rule.id for rule in policy.prompt.scanner.rules], policy.prompt.actions, strict=True))
    assert actions["pl_pesel"] is Action.BLOCK
    assert actions["pl_nip"] is Action.REDACT
    assert actions["no_birth_number"] is Action.ALERT
    assert actions["se_personal_number"] is Action.BLOCK
    assert actions["ticket"] is Action.ALERT
    assert "se_bankgiro" not in actions


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("policies: {a: {prompt: {}, answer: {}, blok: x}}", "policies.a: .*unknown field `blok`"),
        ("policies: {a: {prompt: {card: reduct}, answer: {}}}", r"policies.a: .*'reduct'.*\$.prompt"),
        ("policies: {a: {prompt: {carrd: redact}, answer: {}}}", "policies.a.prompt.carrd: no rule and no kind"),
        ("policies: {a: {prompt: {card.XX: redact}, answer: {}}}", "policies.a.prompt.card.XX: no rule and no kind"),
        (
            "policies: {a: {prompt: {}, answer: {}, overrides: [{roles: [viewer], prompt: {carrd: block}}]}}",
            r"overrides\[0\].prompt.carrd",
        ),
        ("policies: {a: {prompt: {}}}", "policies.a: .*missing required field `answer`"),
        ("policies: [", "while parsing"),
        ("", "Expected `object`"),
        ("policies: {}\nrules: [{id: x, kind: x, severity: low, label: X, pattern: 'a+'}]", "rule x: .*without a bound"),
        ("policies: {}\nrules: [{id: iban, kind: x, severity: low, label: X, pattern: 'a'}]", "two are called iban"),
        ("#" * (MAX_POLICY_BYTES + 1), "larger"),
    ],
)
def test_a_wrong_file_is_refused_by_its_place(tmp_path: Path, content: str, why: str) -> None:
    with pytest.raises(PolicyError, match=why):
        written(tmp_path / "p.yaml", content)


def test_a_missing_file_and_an_unknown_policy(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"none\.yaml"):
        Policies(Dlp(policies=str(tmp_path / "none.yaml")))
    with pytest.raises(UnknownPolicy, match="nobody"):
        policies().policy("nobody")


def test_automata_are_shared_with_a_policy_that_looks_for_little_more(tmp_path: Path) -> None:
    more = "a: {prompt: {'*': alert, payment_card: block}, answer: {}}"
    less = "b: {prompt: {'*': alert, payment_card: allow}, answer: {card: alert}}"
    policies = written(tmp_path / "p.yaml", f"policies: {{{more}, {less}}}")
    one, two = policies.policy("a"), policies.policy("b")
    assert one.prompt is not None
    assert two.prompt is not None
    assert two.answer is not None
    assert sorted(len(chosen.rules) for chosen in policies.edition.scanners) == [1, len(one.prompt.scanner.rules)]
    assert [each.id for each in two.answer.scanner.rules] == ["payment_card"]
    assert one.prompt.find([("", CARD)])[0].blocked
    assert two.prompt.find([("", CARD)]) == [CLEAN]


WIDE = """
policies:
  default:
    prompt: {card: alert, iban: redact}
    answer: {}
    overrides:
      - {teams: [finance], roles: [developer], prompt: {card: block}}
      - {teams: [finance], prompt: {card: redact}, unscannable: block}
      - {roles: [service_account], mode: shadow}
"""


def test_the_first_override_that_fits_replaces_single_names(tmp_path: Path) -> None:
    policy = written(tmp_path / "p.yaml", WIDE).policy("default")

    def card(team: str, role: str, team_name: str = "") -> Action:
        prompt = policy.for_(team, role, team_name).prompt
        assert prompt is not None
        assert prompt.treatments[prompt.index["iban"]].action is Action.REDACT
        return prompt.treatments[prompt.index["payment_card"]].action

    assert card("1", "developer") is Action.ALERT
    assert card("finance", "developer") is Action.BLOCK
    assert card("1", "developer", "finance") is Action.BLOCK
    assert card("1", "viewer", "finance") is Action.REDACT
    assert policy.for_("finance", "viewer").refuses("image")
    assert not policy.for_("finance", "developer").refuses("image")
    assert policy.for_("1", "service_account").shadow
    assert policy.for_("1", "viewer") is policy
    assert policy.for_("finance", "viewer") is policy.for_("finance", "viewer")


def test_what_detectors_find_is_named_as_rules_are(tmp_path: Path) -> None:
    signal = Signal(id="shouting", kind="tone", severity="low", label="TONE")
    detectors: list[Detector] = [
        ScriptedDetector("tone", {"HEY": signal}),
        ScriptedDetector("idle", {"x": replace(signal, id="other")}),
    ]
    path = tmp_path / "p.yaml"
    path.write_text("policies: {a: {prompt: {shouting: block}, answer: {card: alert}}}")
    policy = Policies(Dlp(policies=str(path)), KEPT, detectors=detectors).policy("a")
    assert policy.prompt is not None
    assert policy.prompt.panel is not None
    assert policy.prompt.panel.detectors == tuple(detectors[:1])
    assert policy.prompt.ids == ("shouting",)
    assert policy.answer is not None
    assert policy.answer.panel is None
    path.write_text("policies: {a: {prompt: {tone.INT: block}, answer: {}}}")
    policy = Policies(Dlp(policies=str(path)), KEPT, detectors=detectors).policy("a")
    assert policy.prompt is not None
    assert policy.prompt.panel is not None
    assert len(policy.prompt.panel.detectors) == 2
    with pytest.raises(PolicyError, match="two are called shouting"):
        Policies(Dlp(policies=str(path)), KEPT, detectors=[detectors[0], detectors[0]])


async def test_a_broken_file_keeps_the_old_policy_and_says_so(tmp_path: Path) -> None:
    own = written(tmp_path / "p.yaml", SMALL)
    before = own.edition
    own.path.write_text("policies: [")
    assert not await own.reload()
    assert own.edition is before
    assert own.failure is not None
    own.path.write_text(SMALL.replace("redact", "block"))
    assert await own.reload()
    assert own.failure is None
    assert own.version != before.version
    prompt = own.policy("default").prompt
    assert prompt is not None
    assert prompt.find([("", CARD)])[0].blocked


async def test_the_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    own = written(tmp_path / "p.yaml", SMALL)
    before = own.version
    read: asyncio.Queue[bool] = asyncio.Queue()
    watching = asyncio.create_task(own.watch(read.put_nowait))
    await asyncio.sleep(0)  # the task's first step sets the watch up
    replacement = tmp_path / "p.yaml.new"
    replacement.write_text(SMALL.replace("redact", "block"))
    replacement.replace(tmp_path / "p.yaml")
    async with asyncio.timeout(20):
        assert await read.get()
    assert own.version != before
    watching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching


async def test_the_file_that_ships_is_not_watched() -> None:
    await policies().watch()


async def test_detectors_that_the_file_names_go_out_once_the_doors_are_open(tmp_path: Path) -> None:
    def hook(request: Request) -> Reply:
        return json_reply({"findings": [{"passage": 0, "start": 0, "end": 3, "signal": "codename"}]})

    path = tmp_path / "p.yaml"
    async with Answering(hook) as server, Caller() as caller:
        signal = "{id: codename, kind: project, severity: high, label: CODENAME}"
        section = f"{{type: webhook, url: '{server.base_url}', timeout: 20, signals: [{signal}]}}"
        path.write_text(f"detectors: {{names: {section}}}\npolicies: {{a: {{prompt: {{project: block}}, answer: {{}}}}}}")
        found = Policies(Dlp(policies=str(path)), KEPT)
        inspection = found.policy("a").prompt
        assert inspection is not None
        assert inspection.panel is not None
        (detector,) = inspection.panel.detectors
        with pytest.raises(DetectorFailed):
            await asked(detector, "abc")
        open_doors(found.doors, caller.pool, lambda _: None, {})
        assert await asked(detector, "abc") == [(0, "codename", "abc")]
        assert await found.reload()
        again = found.policy("a").prompt
        assert again is not None
        assert again.panel is not None
        assert await asked(again.panel.detectors[0], "abc") == [(0, "codename", "abc")]


def test_a_detector_that_cannot_be_is_an_error_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    for section, why in (
        ("own: {type: plugin, name: nobody}", r"detectors\.own\.name: no entry point"),
        ("own: {type: presidio, url: 'presidio:3000'}", r"detectors\.own\.url"),
        ("patterns: {type: presidio, url: 'http://a'}", r"detectors\.patterns"),
    ):
        path.write_text(f"detectors: {{{section}}}\npolicies: {{a: {{prompt: {{}}, answer: {{}}}}}}")
        with pytest.raises(PolicyError, match=why):
            Policies(Dlp(policies=str(path)), KEPT)
