"""Where in a match its value stands, for rules whose pattern takes in what tells of it: a name, an operator, quotes.

Only the value is redacted or tokenised: `db_password = [PASSWORD]`. Each function takes the match, and gives from where to
where; None, or nothing between the two, means all of it.
"""

import re
from collections.abc import Callable, Mapping

Place = tuple[int, int]
"""From where to where in a match."""
Finder = Callable[[str], Place | None]

_QUOTE = r"(?:[\"'`]|&(?:quot|apos|#3[49]);)"
_QUOTED = re.compile(rf"({_QUOTE})(?P<value>(?:(?!\\*\1).)*)\\*\1\Z", re.S)
_CLOSED = re.compile(rf"{_QUOTE}(?P<value>(?:(?!\\*{_QUOTE}).)*)\\*{_QUOTE}\Z", re.S)
"""Where the quotes differ."""
_OPERATOR = re.compile(r"[:?]{0,3}=+>?|:+|[=>|?]+")
_RUN = re.compile(r"[^\s\"'`<>;,(){}\[\]\\|]+\Z")
_NAMED = re.compile(
    r"(?i)(?:secret|token|private|access|api[_-]?key|[_-]key)(?:[ _.:=>|-]|key|secret|tok){0,8}[\"'`]?"
    r"([A-Za-z0-9_+/=.-]{16,100})\Z"
)
_PARAMETER = re.compile(r"&[A-Za-z_][\w.\-]{0,40}=")
_SIGNATURE = re.compile(r"(?i)&[\w.\-]*sig(?:nature)?=")
"""Of an address that is signed: as good as the token before it."""
_SHORT_OPTION = re.compile(r" -[pw] ?[\"']?(\S+)\Z")
_OPTION = re.compile(r"[ =]+[\"']?(.+)\Z")
_SCHEME = re.compile(
    r"(?i)(?:basic |ssws [\"]?|bearer[\"]?[ :=]{1,2}[\"']?|[A-Za-z0-9_-]+[\\\"']{0,2} ?[:=] {0,4}[\\\"']{0,2}"
    r"(?:(?:token|apikey|api-key|key|oauth|digest|sso-key|ghost)[ =\"]{1,2})?)"
    r"(\S+?)[\\\"']*\Z"
)
_AUTHORITY = re.compile(r"://(.+)@[A-Za-z0-9.\[-]*\Z")
_ELEMENT = re.compile(r"<[^<>]+>\s*(.*?)\s*</\Z")
_FIELD = re.compile(r"= ?([^;]+);")


def assigned(text: str) -> Place | None:
    """What stands between the last quotes where the match ends with one, otherwise what follows the operator."""
    quoted = _quoted(text)
    if quoted is not None:
        return quoted
    run = _RUN.search(text)
    if run is None:
        return None
    operator = _OPERATOR.search(text)
    start = max(run.start(), operator.end() if operator else 0)
    parameter = None if _SIGNATURE.search(text, start) else _PARAMETER.search(text, start)
    return start, parameter.start() if parameter else _told(text, start)


def told(text: str) -> Place | None:
    """The last word, without quotes and the end of a sentence."""
    found = _RUN.search(text)
    return None if found is None else (found.start(), _told(text, found.start()))


def _told(text: str, start: int) -> int:
    """Where what starts at `start` ends; a full stop or a colon at its end is the sentence's."""
    return start + len(text[start:].rstrip(".:"))


def named(text: str) -> Place | None:
    """What follows the telling words and what separates them."""
    return _group(_NAMED, text)


def option(text: str) -> Place | None:
    """The value of a program's option: `--token value`, `-pvalue`."""
    return _group(_SHORT_OPTION, text) or _group(_OPTION, text)


def user_password(text: str) -> Place:
    """What follows the first colon: `-u name:value`."""
    return text.find(":") + 1, len(text)


def authorization(text: str) -> Place | None:
    """What follows the name of a header and of a scheme."""
    found = _SCHEME.match(text)
    return None if found is None else found.span(1)


def user_information(text: str) -> Place | None:
    """What stands before the host of an address: `://name:password@h`."""
    return _group(_AUTHORITY, text)


def markup(text: str) -> Place | None:
    """The text of an element, or the value of its last attribute."""
    return _group(_ELEMENT, text) or _quoted(text)


def field(text: str) -> Place | None:
    """The first value of settings between semicolons: `Password=value;`."""
    return _group(_FIELD, text)


def _quoted(text: str) -> Place | None:
    found = _QUOTED.search(text) or _CLOSED.search(text)
    return None if found is None else found.span("value")


def _group(pattern: re.Pattern[str], text: str) -> Place | None:
    found = pattern.search(text)
    return None if found is None else found.span(1)


VALUES: Mapping[str, Finder] = {
    each.__name__: each
    for each in (assigned, told, named, option, user_password, authorization, user_information, markup, field)
}
"""What rules can name."""
