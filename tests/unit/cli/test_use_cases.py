from tests.support.installation import Installation


def test_the_list(installation: Installation) -> None:
    header, line = installation.run("use-cases", "list").output.splitlines()
    assert header.split() == [
        *(
            "ORGANISATION",
            "TEAM",
            "NAME",
            "VERSION",
            "CLASSIFICATION",
            "MODELS",
            "GUARDRAIL",
            "CREDENTIALS",
            "CACHE",
            "STATE",
            "ORIGIN",
        )
    ]
    assert line.split() == [
        "default",
        "demo",
        "demo",
        "1",
        "internal",
        "demo*,ollama/*",
        "default",
        "gateway",
        "off",
        "active",
        "demo",
    ]


def test_what_is_declared_no_longer_is_inactive(fresh: Installation) -> None:
    case = {"organisation": "acme", "team": "t", "name": "c", "purpose": "Tests.", "models": ["m"], "own_credentials": True}
    declared = {"organisations": [{"name": "acme"}], "teams": [{"organisation": "acme", "name": "t"}]}
    key = {"organisation": "acme", "use_case": "c", "name": "k", "principal": "user:ada", "sha256": "0" * 64}
    fresh.write({**declared, "use_cases": [case], "keys": [key]})
    fresh.start()
    fresh.write(declared)
    fresh.start()
    assert (
        "acme          t     c     1        internal        m               default    own          off    inactive  retired"
        in (fresh.run("use-cases", "list").output)
    )
