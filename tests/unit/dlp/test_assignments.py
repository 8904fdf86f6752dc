import base64

import pytest

from sluicegate.dlp.assignments import ASSIGNMENTS

RANDOM = "Zq81mLr0aPw2" + "Xc9vTn4bKd7e"
HEX = "7f3a9c1e5b2d8046" + "a1c9e3f7b5d20846"


def coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("assigned_password", 'password = "Kd7eYh3s"', 'password = "changeme"'),
        ("assigned_password", 'password = "qzvwkx"', 'password = "Enter your password"'),
        ("assigned_password", "PASSWORD=Kd7eYh3s", "PASSWORD_FILE=Kd7eYh3s"),
        ("assigned_password", "PASSWORD=meadow", "password: string"),
        ("assigned_password", "PASSWORD=Kd7eYh3s&user=bob", "password=user.password"),
        ("assigned_password", "password: Kd7eYh3s.", "password: settings/main"),
        ("assigned_password", 'password = "qzv_wkx"', 'password = "login-form"'),
        ("assigned_password", 'Password("Kd7eYh3s"', "password.encode('latin1'"),
        ("assigned_password", 'password = "correct 7horse"', 'passwordManager", "urllib2"'),
        ("assigned_secret", f'client_secret: "{RANDOM}"', 'client_secret: "another-secret"'),
        ("assigned_secret", f"token={RANDOM}&a=b", f'token_name: "{RANDOM}"'),
        ("assigned_secret", f"API_KEY={HEX}", "API_KEY=ALIAS_OF_THE_KEY"),
        ("assigned_secret", 'secret = "qzvwkx"', 'secret = "violet"'),
        ("assigned_secret", 'token = "qzvwkxjpfmtg"', 'token = "configuration"'),
        ("assigned_key", f'tenant_key: "{RANDOM}"', 'key: "0a1b9c3d-7e21-4f60-9d3c-51e8f7a2b604"'),
        ("assigned_key", f"KEY={HEX}", f"keyboard={RANDOM}"),
        ("named_value", f"TOKEN {HEX}", "access-group/grp-0a1b9c3d7e214f60d"),
        ("named_value", f"secret-{RANDOM}", "private_static_configuration_123"),
        ("field_secret", "Kd7eYh3s", "production/database"),
        ("option_secret", "-password Kd7eYh3s", "-password next-step"),
        ("option_secret", "sshpass -p qzvwkx", "-next-token Kd7eYh3s"),
        ("option_secret", f"-token={RANDOM}", "-token --verbose"),
        ("user_option", "-u app:Kd7eYh3s", "-u user:password"),
        ("markup_secret", "<password>Kd7eYh3s</", "<password>${PASSWORD}</"),
        ("markup_secret", 'key="Password" value="Kd7eYh3s"', 'key="Password" value="changeme"'),
        ("connection_string", "Password=meadow;Database=", "Password={password};Database="),
        ("prose_password", "password is Kd7eYh3s.", "password is required"),
        ("prose_password", "password Kd73Yh5s", "password rules2go"),
        ("url_credentials", "://app:Kd7eYh3s@h", "://user:password@h"),
        ("url_credentials", "://:Kd7eYh3s@h", "://app:${SECRET}@h"),
        ("basic_credentials", f"Basic {coded('deploy:Kd7eYh3s')}", f"Basic {coded('user:password')}"),
        ("basic_credentials", f"Basic {coded('deploy:Kd7eYh3s')}", "Basic understanding"),
        ("bearer_token", f"Bearer {RANDOM}", "Bearer your-access-token"),
        ("bearer_token", f"Token {HEX}", "Token 1234567890123456"),
        ("jwt", coded('{"alg":"HS256"}').rstrip("=") + ".e30.x", coded('{"a":1,"b":2345}').rstrip("=") + ".e30.x"),
        ("grafana_key", coded('{"k":"Kd7eYh3s","n":"deploy","id":1}'), coded('{"kty":"oct"}')),
        ("issued", RANDOM, "IOSFODNN7EXAMPLE" + "QYLP"),
        ("issued", RANDOM, "x" * 20),
        ("drawn", RANDOM, "AWSCapacityReservationFleetRolePolicy1"),
    ],
)
def test_validators(name: str, good: str, bad: str) -> None:
    assert ASSIGNMENTS[name](good)
    assert not ASSIGNMENTS[name](bad)


@pytest.mark.parametrize("name", sorted(ASSIGNMENTS))
@pytest.mark.parametrize("text", ["=", '"', "::", "eyJ", "passwd", "a b", "-u", "\\\"'", "é = ü"])
def test_no_validator_breaks_on_what_is_not_its_own(name: str, text: str) -> None:
    assert not ASSIGNMENTS[name](text)
