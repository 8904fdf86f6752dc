from sluicegate.cli.environment import variables


def test_each_vendors_variables_point_at_the_gateway() -> None:
    found = variables("http://gateway:8080/", "k")
    assert found["OPENAI_BASE_URL"] == "http://gateway:8080/openai/v1"
    assert found["ANTHROPIC_BASE_URL"] == "http://gateway:8080/anthropic"
    assert found["GOOGLE_GEMINI_BASE_URL"] == "http://gateway:8080/gemini"
    assert found["OPENAI_API_KEY"] == found["ANTHROPIC_API_KEY"] == found["SLUICEGATE_KEY"] == found["CODEX_API_KEY"] == "k"
