"""Secrets that only their surroundings give away: values assigned to names such as `password`, `token` and `api_key`.

The patterns of `packs/credentials_assigned.yaml` find a telling name, an operator and a value; what is here says whether the
value is a secret, or a placeholder, a reference, a type or a word. Each validator takes the match, from the telling name on.
"""

import base64
import re
from collections.abc import Callable, Mapping

from sluicegate.dlp.placeholders import placeholder, reference, wordlike

_URL_SAFE = str.maketrans("-_", "+/")
_QUOTES = "\"'`"
_ENTITY = re.compile(r"&(?:quot|apos|#3[49]);")
_NAME = re.compile(r"[A-Za-z0-9_.\-]+")
_NOT_A_VALUE = re.compile(
    r"(?i)(?:^|[_.\-]|secrets)(?:id|ids|name|names|file|filename|path|dir|url|uri|field|label|hash|hashed|length|len|type|policy|count|size|"
    r"limit|max|min|expir\w*|ttl|env|ref|header|prefix|suffix|regex|pattern|placeholder|hint|reset|strength|endpoint|version|alg|"
    r"algorithm|secretsmanager|format|usage|uses|provider|manager|store|title|text|message|error|page|form|input|button|class|style|column|index|"
    r"help|description|required|enabled|disabled|mode|source|status|state|rules|template|verifier|prompt|budget|tokens|index|position|at)\d?$"
)
_CAMEL_NOT_A_VALUE = re.compile(
    r"(?:Id|Ids|Name|File|Path|Dir|Url|URL|Uri|Field|Label|Hash|Length|Len|Type|Policy|Count|Size|Limit|Expir\w*|Ttl|Env|Ref|Header|"
    r"Prefix|Regex|Pattern|Placeholder|Hint|Reset|Strength|Endpoint|Version|Alg|Algorithm|Format|Usage|Provider|Manager|Store|Title|"
    r"Text|Message|Error|Page|Form|Input|Button|Class|Style|Help|Description|Required|Enabled|Mode|Source|Status|State|Rules|Verifier)\d?$"
)
_UUID = re.compile(r"(?i)[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$")
_PUBLIC = re.compile(r"(?i)(?:ssh-(?:rsa|ed25519|dss)|ecdsa-|AAAA[BCE]3|pk[._](?:live|test|eyJ)|sha(?:1|256|384|512)[-:])")
_FILE = re.compile(
    r"(?i)\.(?:pem|key|crt|cer|pub|json|ya?ml|txt|enc|toml|ini|cfg|conf|js|py|go|rb|php|html?|css|png|jpe?g|md)$"
)
_RESOURCE = re.compile(r"(?:^|/)[a-z]{2,12}-[0-9a-f]{8,17}$")
"""What clouds call their resources."""
_PASSING = re.compile(r"(?i)(?:next|page|change|request|continuation|csrf|xsrf|idempotency|starting|max)[_-]?token")
"""Tokens that are no secrets."""
_OWN_NAME = re.compile(r"(?i)passw(?:or)?d|passphrase|secret|token|credential")
_LABEL = re.compile(r"[A-Z][a-z]+|(?i:required|nullable|sometimes|string|confirmed)[|:,].*")
"""What a form shows, and rules of what it takes."""
_HEXADECIMAL = re.compile(r"(?i)[0-9a-f]{24,}")
_WORDS_JOINED = re.compile(r"[A-Za-z]+(?:[_\-][A-Za-z]+)+")
_SPECIAL = re.compile(r"[^A-Za-z0-9_.\-/]")


def _split(text: str) -> tuple[str, str, str, bool]:
    """The name, what stands between, the value, and whether the value is quoted."""
    text = _ENTITY.sub('"', text)
    found = _NAME.match(text, len(text) - len(text.lstrip("-")))
    name = found.group() if found else ""
    rest = text[found.end() :] if found else text
    if rest[-1:] in _QUOTES:
        body = rest[:-1].rstrip("\\")
        opening = max(body.rfind(quote) for quote in _QUOTES)
        if opening >= 0:
            return name, body[:opening], body[opening + 1 :], True
    start = re.search(r"[^\s\"'`<>;,(){}\[\]\\|]+$", rest)
    value = start.group() if start else ""
    between = rest[: len(rest) - len(value)]
    lead = re.match(r"[:?=>!]{1,3}", value)
    if lead and value:
        between, value = between + lead.group(), value[lead.end() :]
    return name, between, value, False


def _classes(value: str) -> tuple[int, int, int]:
    """How many letters, digits and other characters there are."""
    letters = sum(char.isalpha() for char in value)
    digits = sum(char.isdigit() for char in value)
    return letters, digits, len(value) - letters - digits


def _denied(name: str, value: str) -> bool:
    """What no kind of secret may be: a property of one, a placeholder, a reference, a path, a public key."""
    if _NOT_A_VALUE.search(name) or _CAMEL_NOT_A_VALUE.search(name):
        return True
    if len(set(value)) < 4 or placeholder(value) or reference(value):
        return True
    if _OWN_NAME.search(value) and not any(char.isdigit() for char in value):
        return True
    return bool(_PUBLIC.match(value) or _FILE.search(value))


def assigned_password(text: str) -> bool:
    """A password given to a name: quoted, whatever is no placeholder; unquoted, what reads as no word and no expression."""
    name, between, value, quoted = _split(text)
    if len(value) < 4 or _denied(name, value):
        return False
    letters, digits, others = _classes(value)
    if quoted:
        called = between.endswith("(") and ("." in name or between.strip("\\ .=:([])"))
        if (called or between.strip("\\ \t\n\"'`)]") == ",") and (wordlike(value, 0.4) or not _random(value, 4)):
            return False
        return _quoted_password(value)
    value = re.sub(r"&\w{1,40}=.*$", "", value).rstrip(".,!?:")
    letters, digits, others = _classes(value)
    if digits and letters:
        return (len(value) >= 6 and not re.fullmatch(r"[A-Za-z_]+\d", value)) or len(value) >= 8
    if re.search(r"[/_.\-]", value):
        return False
    shell = between == "=" and name[-1:].isupper() and not value.isupper()
    return not wordlike(value, 0.3) or (len(value) >= 6 and (others > 1 or not wordlike(value) or shell))


def _quoted_password(value: str) -> bool:
    """Not a sentence, a label of a form or the name of something."""
    if " " in value:
        letters, digits, _ = _classes(value)
        return (
            letters > 0 and value.count(" ") < 2 and (digits > 0 or not any(wordlike(part, 0.4) for part in value.split()))
        )
    if _LABEL.fullmatch(value) and wordlike(value):
        return False
    joined = len(value) >= 6 and _WORDS_JOINED.fullmatch(value)
    return not joined or not all(map(wordlike, re.split(r"[_\-]", value)))


def assigned_secret(text: str) -> bool:
    """A token or a secret given to a name: letters and digits, or many letters that make no words."""
    name, _, value, quoted = _split(text)
    value = value.partition("&")[0] if not quoted else value
    if _denied(name, value):
        return False
    letters, digits, _ = _classes(value)
    if " " in value:
        return value.count(" ") < 3 and not any(wordlike(part, 0.4) for part in value.split())
    if len(value) < 8:
        return quoted and letters > 2 and not wordlike(value, 0.4)
    if letters >= 2 and (digits >= 2 or (digits and len(value) >= 10)):
        return _random(value, 7)
    return (letters >= 10 and _letters_only(value)) or (quoted and value.isalpha() and not wordlike(value, 0.4))


def assigned_key(text: str) -> bool:
    """A long random value given to some key: one that is no UUID and holds no words."""
    name, _, value, quoted = _split(text)
    if re.search(r"(?i)key[a-z]{2}", name) or " " in value or _UUID.match(value) or _denied(name, value):
        return False
    letters, digits, _ = _classes(value)
    if letters == len(value):
        return len(value) >= 12 and not wordlike(value, 0.35) and len(set(value)) >= 8
    return len(value) >= (10 if quoted else 14) and digits >= 2 and letters >= 3 and _random(value, 8)


def named_value(text: str) -> bool:
    """A long random value right behind a telling word or the name of a vendor, by whatever separated."""
    found = re.search(r"[A-Za-z0-9_\-=+/.~]{16,}['\"`]?$", text)
    value = found.group().rstrip(_QUOTES) if found else ""
    value = re.sub(r"^(?:[A-Za-z]+[_=.\-]+){1,3}", "", value)
    if len(value) < 16 or _RESOURCE.search(value) or _denied("", value):
        return False
    letters, digits, _ = _classes(value)
    return digits >= 3 and letters >= 3 and _random(value, 8)


def _random(value: str, distinct: int) -> bool:
    """Whether the value may have been drawn by chance: enough different characters, and its letters are no words."""
    if len(set(value)) < min(distinct, len(value) // 2 + 1):
        return False
    if _HEXADECIMAL.fullmatch(value):
        return True
    runs = [run for run in re.split(r"[^A-Za-z]+", value) if len(run) >= 5]
    worded = sum(len(run) for run in runs if wordlike(run))
    return worded <= len(value) // 3


def _letters_only(value: str) -> bool:
    plain = re.sub(r"[0-9_.\-+/=:]", "", value)
    return len(plain) >= 10 and len(plain) >= len(value) - 2 and not wordlike(plain) and len(set(plain)) >= 6


def option_secret(text: str) -> bool:
    """The value of a program's option."""
    short = re.search(r" -[pw] ?[\"']?(\S+)$", text)
    value = short.group(1) if short else re.split(r"[ =]+[\"']?", text, maxsplit=1)[-1]
    letters, digits, others = _classes(value)
    if len(set(value)) < 5 or placeholder(value) or reference(value) or _FILE.search(value) or value.startswith("-"):
        return False
    if _PASSING.search(text):
        return False
    if value.isalpha():
        return not wordlike(value, 0.4)
    return letters > 0 and (digits > 0 or others > 1) and not re.fullmatch(r"[A-Za-z]+(?:[_\-.:/][A-Za-z]+)*\d?", value)


def user_option(text: str) -> bool:
    """The password in `-u name:password`."""
    user, _, value = re.split(r"[ =]+[\"']?", text, maxsplit=1)[-1].partition(":")
    return len(value) >= 3 and not placeholder(value) and not reference(value) and user != value and not reference(user)


def call_password(text: str) -> bool:
    """The password beside a name in a call: `login("name", "password")`."""
    _, _, value, _ = _split(text)
    return len(value) >= 4 and " " not in value and not _denied("", value) and not (value.isalpha() and wordlike(value, 0.4))


def markup_secret(text: str) -> bool:
    """The text of an element, or the value of an attribute, that has a telling name."""
    if text.endswith("</"):
        return field_secret(text[:-2].partition(">")[2].strip())
    return field_secret(text[:-1].rpartition(text[-1])[2])


def field_secret(text: str) -> bool:
    """The whole value of a field that a telling key names."""
    letters, digits, others = _classes(text)
    if len(set(text)) < 5 or placeholder(text) or reference(text) or _UUID.match(text) or _FILE.search(text):
        return False
    return letters > 0 and digits + others > 0 and not re.fullmatch(r"[A-Za-z]+(?:[_\-.:/ ][A-Za-z]+)*\d?", text)


def prose_password(text: str) -> bool:
    """A password told in a sentence: letters with digits or signs."""
    parts = re.split(r"(?i)(?:\bis|\bwas|\bto|\bas|[:=])\s*[\"'`]?", text)
    value = parts[-1].rpartition(" ")[2].strip(_QUOTES + " ").rstrip(".,!?;)")
    if len(value) < 6 or placeholder(value) or reference(value) or _FILE.search(value):
        return False
    letters, digits, _ = _classes(value)
    if len(parts) == 1:
        return letters > 1 and digits > 1 and not _UUID.match(value) and _random(value, 5)
    return letters > 0 and (digits > 0 or _SPECIAL.search(value[1:-1]) is not None or (letters > 9 and not wordlike(value)))


def url_credentials(text: str) -> bool:
    """A password in an address: `://name:password@host`."""
    user, _, rest = text.partition("://")[2].partition(":")
    value = rest.rpartition("@")[0]
    if len(value) < 3 or placeholder(value) or reference(value) or value.lower() == user.lower():
        return False
    return len(set(value)) > 2 and not re.search(r"[\[\]{}<>$|]", value) and "/" not in value.partition("@")[0]


def basic_credentials(text: str) -> bool:
    """Base64 of a name, a colon and a password."""
    found = re.search(r"[A-Za-z0-9+/]{8,}={0,2}[\"']?$", text)
    coded = found.group().rstrip(_QUOTES).rstrip("=") if found else ""
    try:
        plain = base64.b64decode(coded + "=" * (-len(coded) % 4), validate=True).decode()
    except ValueError:
        return False
    user, colon, value = plain.partition(":")
    return bool(colon and plain.isprintable() and len(user + value) >= 4 and not (placeholder(value) and value))


def bearer_token(text: str) -> bool:
    """What follows `Bearer`, `Token` or the like in an authorisation header."""
    value = re.split(r"[\s=:]+[\"']?", text.rstrip("=\"'"))[-1]
    letters, digits, _ = _classes(value)
    if placeholder(value) or reference(value) or not letters:
        return False
    return len(set(value)) >= 8 and ((digits >= 2 and _random(value, 8)) or _letters_only(value))


def jwt(text: str) -> bool:
    """A JSON web token: its header names an algorithm or a type."""
    header = _decoded(text.partition(".")[0])
    return any(f'"{key}"' in header for key in ("alg", "typ", "enc", "kid", "cty"))


def grafana_key(text: str) -> bool:
    """A key of Grafana: base64 of a JSON object with a key, a name and an organisation."""
    plain = _decoded(text)
    return '"n":' in plain and '"id":' in plain


def issued(text: str) -> bool:
    """Not made up: of the last twenty characters at least seven differ, no run stands for the rest, none say `example`."""
    tail = text[-20:].lower()
    return len(set(tail)) >= 7 and not any(mark in tail for mark in ("xxxx", "****", "....", "example", "placeholder"))


def connection_string(text: str) -> bool:
    """The password between others of a connection's settings."""
    value = text.partition("=")[2].partition(";")[0].strip()
    return len(value) >= 4 and not placeholder(value) and not reference(value)


def drawn(text: str) -> bool:
    """Letters of both cases and digits, as drawn by chance: no path and no name made of words."""
    letters, digits, _ = _classes(text)
    return digits > 0 and letters > 0 and not text.islower() and not text.isupper() and _random(text, 16)


def _decoded(coded: str) -> str:
    """The text that is written in base64, of either alphabet; empty where it is none."""
    coded = coded.rstrip("=").translate(_URL_SAFE)
    try:
        return base64.b64decode(coded + "=" * (-len(coded) % 4)).decode("utf-8", "replace")
    except ValueError:
        return ""


ASSIGNMENTS: Mapping[str, Callable[[str], bool]] = {
    each.__name__: each
    for each in (
        assigned_password,
        assigned_secret,
        assigned_key,
        named_value,
        field_secret,
        option_secret,
        markup_secret,
        call_password,
        prose_password,
        url_credentials,
        basic_credentials,
        bearer_token,
        jwt,
        grafana_key,
        drawn,
        issued,
        connection_string,
        user_option,
    )
}
"""What rules can name."""
