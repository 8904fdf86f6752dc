import pytest

from sluicegate.dlp.placeholders import placeholder, reference, wordlike


@pytest.mark.parametrize(
    "value",
    [
        "changeme",
        "<your-key>",
        "xxxxxxxxxxxx",
        "****",
        "your_api_key",
        "EXAMPLEKEY",
        "abcdef",
        "aaaaaaaa",
        "",
        "test123",
        "...",
    ],
)
def test_examples_and_blanks_are_placeholders(value: str) -> None:
    assert placeholder(value)


@pytest.mark.parametrize("value", ["Kd7eYh3s", "qzvwkx", "hu7ter!wq", "greenmeadow"])
def test_what_may_be_a_secret_is_no_placeholder(value: str) -> None:
    assert not placeholder(value)
    assert not reference(value)


@pytest.mark.parametrize(
    "value",
    [
        "$DB_PASSWORD",
        "${DB_PASSWORD}",
        "{{ secrets.token }}",
        "%(password)s",
        "%DB_PASSWORD%",
        "os.environ",
        "process.env.TOKEN",
        "self.password",
        "/run/secrets/db",
        "https://a.example",
        "DB_PASSWORD_VALUE",
        "user_password",
        "newPassword",
        "#{token}",
    ],
)
def test_where_a_secret_lives_is_a_reference(value: str) -> None:
    assert reference(value)


def test_words_are_told_from_what_is_drawn_by_chance() -> None:
    assert all(map(wordlike, ("configuration", "password", "hidden", "optional")))
    assert not any(map(wordlike, ("qzvwkx", "gqxtbbkfzea", "kfjvq", "")))
    assert not wordlike("arectz", 0.9)
