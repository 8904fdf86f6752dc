"""Redacting a secret leaves what tells of it: its name, the operator, the quotes."""

import pytest

from sluicegate.dlp.findings import Action, redact
from sluicegate.dlp.values import VALUES
from tests.support.guardrails import inspection

PASSWORD = "Kd7" + "eYh3s"
RANDOM = "Zq81mLr0aPw2" + "Xc9vTn4bKd7e"
CODED = "ZGVwbG95Okt" + "kN2VZaDNzVWY1Zw=="
EYES = inspection({"credential": Action.REDACT})


def redacted(text: str) -> str:
    (found,) = EYES.find([("", text)])
    return redact(text, found.edits)


@pytest.mark.parametrize(
    ("around", "label"),
    [
        ('db_password = "{}"', "PASSWORD"),
        ("db_password = {}", "PASSWORD"),
        ("const dbPass = '{}';", "PASSWORD"),
        ("$config['smtp_pass'] = '{}';", "PASSWORD"),
        ('var smtpPassword string = "{}"', "PASSWORD"),
        ('String password = decrypt("{}");', "PASSWORD"),
        ("database:\n  password: {}\n  host: db.internal", "PASSWORD"),
        ("database:\n  password: '{}' # of the replica", "PASSWORD"),
        ('{{"user": "app", "password": "{}", "port": 5432}}', "PASSWORD"),
        ('"{{\\"password\\": \\"{}\\"}}"', "PASSWORD"),
        ("export PGPASSWORD={}\npsql", "PASSWORD"),
        ("SMTP_PASSWORD={}\nSMTP_HOST=mail", "PASSWORD"),
        ("SMTP_PASSWORD={}!\nSMTP_HOST=mail", None),
        ("CREATE USER app IDENTIFIED BY '{}';", "PASSWORD"),
        ("ALTER ROLE app WITH PASSWORD '{}' VALID UNTIL 'infinity';", "PASSWORD"),
        ("mysqldump -h db -u app -p{} shop", "PASSWORD"),
        ("sshpass -p '{}' ssh app@host", "PASSWORD"),
        ("mysql --password={} -u root", None),
        ("curl -u 'app:{}' https://a.example/x", "PASSWORD"),
        ('<add key="SmtpPassword" value="{}" />', None),
        ('<input type="password" value="{}">', "PASSWORD"),
        ("<password>{}</password>", "SECRET"),
        ("<password>\n  {}\n</password>", "SECRET"),
        ('<server password="{}" name="a"/>', "PASSWORD"),
        ("<server password=&quot;{}&quot; name=&quot;a&quot;/>", "PASSWORD"),
        ("Server=db;User Id=app;Password={};Database=app", "PASSWORD"),
        ("requests.get(url, auth=('app', '{}'))", "PASSWORD"),
        ("My password is {}.", "PASSWORD"),
        ("my password for mail was '{}', I think", "PASSWORD"),
        ("The password is {} and the user is app", "PASSWORD"),
        ("password: {}. Please change it", "PASSWORD"),
        ("https://a.example/login?password={}&user=app", "PASSWORD"),
    ],
)
def test_a_password_alone_gives_way(around: str, label: str | None) -> None:
    got = redacted(around.format(PASSWORD))
    if label is None:  # two rules find it, or it has a character more
        assert PASSWORD not in got
        before, _, after = around.partition("{}")
        assert got.startswith(before.format())
        assert got.endswith(after.lstrip("!").format())
    else:
        assert got == around.format(f"[{label}]")


@pytest.mark.parametrize(
    "around",
    [
        'client_secret = "{}"',
        "API_TOKEN={}",
        "  apiKey: {}",
        "https://a.example/x?token={}&page=2",
        "login --token {} --quiet",
        "tenant_key: {}",
        '"tenant_key": "{}"',
        "Authorization: Bearer {}",
        "curl -H 'X-Api-Key: {}'",
        '"Authorization": "Token {}",',
        "acme TOKEN {}",
    ],
)
def test_a_secret_alone_gives_way(around: str) -> None:
    got = redacted(around.format(RANDOM))
    before, _, after = around.partition("{}")
    assert got.startswith(before + "[")
    assert got.endswith("]" + after)
    assert "[" not in got[len(before) + 1 :]


def test_headers_and_addresses() -> None:
    assert redacted(f"Authorization: Basic {CODED}, twice") == "Authorization: Basic [AUTHORIZATION], twice"
    assert redacted(f"postgres://app:{PASSWORD}@db.internal:5432/app") == "postgres://[URL_CREDENTIALS]@db.internal:5432/app"
    assert redacted(f"redis://:{PASSWORD}@10.0.0.1") == "redis://[URL_CREDENTIALS]@10.0.0.1"


def test_each_of_several_values_gives_way() -> None:
    both = redacted(f"https://a.example/x?token={RANDOM}&api_key={RANDOM[::-1]}&page=2")
    assert both == "https://a.example/x?token=[SECRET]&api_key=[KEY]&page=2"
    twice = "password = '{}'\npassword = '{}'"
    assert redacted(twice.format(PASSWORD, PASSWORD[::-1])) == twice.format("[PASSWORD]", "[PASSWORD]")


def test_quotes_of_another_kind_belong_to_the_value() -> None:
    salt = "Kd7 (eYh3s;2-^wq}}tZ`r" + '"B^4/9!1=%6mX>P{85~'
    assert redacted(f"define('NONCE_SALT',  '{salt}');") == "define('NONCE_SALT',  '[SECRET]');"


def test_what_is_not_closed_as_it_was_opened() -> None:
    assert redacted(f"password = \"{PASSWORD}'") == "password = \"[PASSWORD]'"


def test_the_signature_of_an_address_gives_way_with_its_token() -> None:
    assert redacted(f"?security_token={RANDOM}&x-signature={RANDOM[::-1]}") == "?security_token=[SECRET]"


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("text", ["", "x", "=", '"', "= ", "a=b;", "://@", "-u :", "password"])
def test_places_are_within_the_match(name: str, text: str) -> None:
    place = VALUES[name](text)
    assert place is None or 0 <= place[0] <= len(text) >= place[1]
