from tests.support.installation import Installation


def test_the_list_is_in_the_order_of_trying(fresh: Installation) -> None:
    provider = {
        "name": "p",
        "dialects": ["openai_chat"],
        "base_url": "http://127.0.0.1:1/v1",
        "place": "cloud",
        "region": "eu",
    }
    deployments = [
        {"name": "second", "model": "m", "provider": "p", "order": 2},
        {
            "name": "first",
            "model": "m",
            "provider": "p",
            "order": 1,
            "upstream_model": "u",
            "place": "on_prem",
            "region": "",
        },
    ]
    fresh.write({"providers": [provider], "deployments": deployments, "demo": {"enabled": False}})
    lines = [line.split() for line in fresh.start().run("models", "list").output.splitlines()]
    assert lines[0] == ["MODEL", "DEPLOYMENT", "PROVIDER", "UPSTREAM", "MODEL", "PLACE", "REGION", "ORDER", "ORIGIN"]
    assert lines[1:] == [
        ["m", "first", "p", "u", "on_prem", "-", "1", "file"],
        ["m", "second", "p", "m", "cloud", "eu", "2", "file"],
    ]
