"""What stands where a secret would, and is none: examples, blanks to fill in, references to where it lives, words."""

import re
from itertools import pairwise

_EXAMPLES = """
abc abc123 abcd abcde abcdef abcdefg abc123456 admin any auth authorization bar basic baz bearer blank bool boolean
bytes cancel char configuration confirm credentials current data default demo disabled dummy empty enabled enter error
example expired fake false field file foo foobar foobaz foo123 generated get guest hash hashed hello hidden host input
int integer invalid key localhost login masked missing mock mypass mypassword mysecret mysecretpassword mytoken
my_password my_secret my_token new nil none null number object off old on optional pass passphrase passwd password
password1 password12 password123 password1234 passw0rd plain private prompt protected public pwd qwerty read redacted
redis required reset root sample secret secret_key secret1 secret123 secretkey secretpassword self sensitive set
somepassword something somesecret sometoken str string tiger scott swordfish test test1 test123 test1234 tester
testing testpass testpassword testsecret testtoken text the this todo token token123 true type undefined unknown unset
user username uuid value values var void write wrong xxx xyz yes your 12345 123456 1234567 12345678 123456789
1234567890 ascii base64
binary hex latin1 latin-1 md5 sha1 sha256 sha384 sha512 utf8 utf-8 utf-16 unicode
"""
_WORDS = frozenset(_EXAMPLES.split())
_MARKS = re.compile(
    r"(?i)example|sample(?![0-9])|placeholder|change[_\-.]?(?:me|this|it)|replace[_\-.]?(?:me|this|with)|your[_\-. ]|"
    r"insert[_\-. ]|dummy|test[_\-](?:key|token|secret|pass)|"
    r"(?<![a-z])fake|some[_\-]?fake|redacted|my[_\-](?:secret|pass|token|key|api)|"
    r"todo|"
    r"goes[_\-. ]here|[_\-. ]here$|"
    r"<[^>]{1,60}>|xxxx|\*{3}|\.\.\.|…|#{4}|_{5}|not[_\-.]?(?:a[_\-.]?)?(?:real|secret|valid|set)|super[_\-]?secret[_\-]|"
    r"(?:password|secret|token|key)[_\-. ]?(?:here|value|string|placeholder)"
)
_REFERENCE = re.compile(
    r"(?i)^\$[a-z_][a-z_.>\-]*\d?$|^\$\w+\$|^\$?$|^%\(|^%[a-z_]+%|^%env|\$\{|\$\(|\$\$[a-z]|\{\{|\{%|#\{|<%|^@[a-z_]+@?$|^[\[{(<]|"
    r"^&[a-z]|^\*[a-z]|%s|%d|%v|\{\d*\}|\{[a-z_][\w.]*\}|"
    r"environ|getenv|process\.env|^env[.:\[(]|^(?:self|this|config|cfg|conf|settings|options|opts|args|params|props|request|req|ctx|"
    r"var|vars|local|data|secrets?|vault|ssm|op|arn|file|https?|ref|refs|kms|aws-sm|gcp|azure)(?:\.|:|->|/)[a-z/{\[]|"
    r"^/[a-z_.]+/|^/[a-z_./:\-]*$|^\.{1,2}/|^~/|^[a-z]:\\|->|::[a-z]|^https?:"
)
_CODE = re.compile(
    r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+$|[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$|_?[a-z]+(?:_[a-z]+)+$|[a-z]+(?:[A-Z][a-z]+)+$"
)
_PAIRS = """
ab ac ad ag ai al am an ap ar as at av ay ba be bl bo bu ca ce ch ci ck cl co cr ct cu da de di do ds ea ec ed ee ef
el em en ep er es et ev ew ex ey fe fi fo fr ge gi ha he hi ho ia ic id ie ig il im in io ir is it iv ke la ld le li
ll lo ls lu ly ma me mi mo mp na nc nd ne ng ni no ns nt nu ny oc od ol om on oo op or os ot ou ov ow pa pe pi pl po
pp pr pt pu qu ra rd re ri rm rn ro rr rs rt ry sa sc se sh si so sp ss st su ta te th ti to tr ts tt tu ty uc ue ul
um un ur us ut va ve vi wa we wh wi wo yo
"""
_COMMON = frozenset(_PAIRS.split())
"""The pairs of letters that make up nine tenths of English, and four of ten of what is drawn by chance at most."""
_WORDED = 0.55
_SEQUENCES = ("abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "0123456789")


def placeholder(value: str) -> bool:
    """Whether `value` is an example or a blank to fill in."""
    lower = value.lower().strip("\"'`<>[](){}*_-.!?,;: ")
    if not lower or lower in _WORDS or _MARKS.search(value):
        return True
    if len(value) > 6 and len(set(lower)) <= 3:
        return True
    return len(lower) >= 5 and any(lower in sequence for sequence in _SEQUENCES)


def reference(value: str) -> bool:
    """Whether `value` names a place, a variable or a file that holds the secret, or is code."""
    return bool(_REFERENCE.search(value) or (_CODE.fullmatch(value) and wordlike(value)))


def wordlike(value: str, share: float = _WORDED) -> bool:
    """Whether the letters of `value` follow each other as in words: at least that share of the pairs is common."""
    letters = value.lower()
    pairs = [a + b for a, b in pairwise(letters) if a.isalpha() and b.isalpha()]
    return bool(pairs) and sum(pair in _COMMON for pair in pairs) >= share * len(pairs)
