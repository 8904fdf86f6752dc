"""What a request says beside its body: in its path, its query and its headers."""

from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

import msgspec

from sluicegate.core.decision import Reason
from sluicegate.core.errors import InvalidRequest

MAX_PARAMETERS = 64
"""The most parameters a query may have."""


class Arguments(msgspec.Struct, frozen=True, gc=False):
    """What a surface with a template in its path makes the request's own dialect from."""

    path: Mapping[str, str]
    """What stands in the template's places, by their names; never empty texts."""
    query: bytes
    """As sent, without the question mark; its length is bounded with the URL's (`server.max_url_bytes`)."""
    headers: Mapping[str, str]
    """Those of `Arrival.headers`."""

    def parameters(self) -> dict[str, list[str]]:
        """The values of each parameter of the query, in order (WHATWG URL section 5.1, without its repairs).

        Raises InvalidRequest (INVALID_FIELD) for more than MAX_PARAMETERS, a broken percent-encoding, or what is no UTF-8.
        """
        found: dict[str, list[str]] = {}
        if not self.query:
            return found
        pairs = self.query.split(b"&")
        if len(pairs) > MAX_PARAMETERS:
            raise _wrong(f"hold at most {MAX_PARAMETERS} parameters")
        for pair in pairs:
            name, _, value = pair.partition(b"=")
            if pair:
                found.setdefault(_text(name), []).append(_text(value))
        return found

    def body(self) -> bytes:
        """The arguments as the JSON object that stands for the body of a request that has none.

        A parameter that came once is a string, one that came more often, or is named as a list (`include[]`), a list.
        Raises InvalidRequest as `parameters` does, and for a parameter with the name of a place in the path.
        """
        document: dict[str, str | list[str]] = dict(self.path)
        for name, values in self.parameters().items():
            if name in document:
                raise _wrong("not repeat what the path says")
            document[name] = values[0] if len(values) == 1 and not name.endswith("[]") else values
        return msgspec.json.encode(document)


def _wrong(rule: str) -> InvalidRequest:
    return InvalidRequest(Reason.INVALID_FIELD, f"The query must {rule}.", field="query")


def _text(encoded: bytes) -> str:
    if encoded.isalnum():
        return encoded.decode("ascii")
    if any(len(rest) < 2 or not _is_hex(rest[:2]) for rest in encoded.split(b"%")[1:]):
        raise _wrong("be percent-encoded")
    try:
        return unquote_to_bytes(encoded.replace(b"+", b" ")).decode("utf-8")
    except UnicodeDecodeError:
        raise _wrong("be UTF-8") from None


def _is_hex(digits: bytes) -> bool:
    return not digits.translate(None, b"0123456789abcdefABCDEF")
