import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from sluicegate.core.decision import Reason
from sluicegate.core.errors import UpstreamRejected
from sluicegate.providers.refusal import MAX_RETRY_AFTER, rejected, retry_after, status_of, unexpected, unstreamed

JSON = {b"content-type": b"application/json; charset=utf-8"}
ERROR = b'{"error":{"message":"no"}}'


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        (b"7", 7),
        (b"0", 0),
        (b"1.2", 2),
        (b"1e9", MAX_RETRY_AFTER),
        (b"9" * 60, MAX_RETRY_AFTER),
        (b"-5", None),
        (b"nan", None),
        (b"soon", None),
        (b"\xff", None),
        (b"", None),
        (b"Sat, 21 Nov 2015 15:00:00 GMT", 0),
    ],
)
def test_retry_after(value: bytes | None, seconds: int | None) -> None:
    assert retry_after(value) == seconds


def test_retry_after_as_a_date() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(days=2), usegmt=True)
    assert retry_after(later.encode()) == MAX_RETRY_AFTER


def test_a_json_body_passes_and_nothing_else_does() -> None:
    assert rejected(400, JSON, ERROR, "", {}).body == ERROR
    assert rejected(400, {b"content-type": b"application/problem+json"}, ERROR, "", {}).body == ERROR
    assert rejected(500, {b"content-type": b"text/html"}, b"<html>", "", {}).body == b""
    assert rejected(500, {b"content-type": b"text/html"}, ERROR, "", {}).body == b""
    assert rejected(500, {}, ERROR, "", {}).body == b""
    for body in (b"<html>", b"[1]", b"", None, b'{"a":', b"[" * 5_000):
        assert rejected(500, JSON, body, "", {}).body == b""


def test_a_body_that_quotes_the_credential_does_not_pass() -> None:
    body = json.dumps({"error": {"message": "bad key hush"}}).encode()
    assert rejected(400, JSON, body, "hush", {}).body == b""


def test_headers_and_status() -> None:
    error = rejected(429, JSON | {b"retry-after": b"3"}, ERROR, "", {"x-upstream-request-id": "r"})
    assert (error.status, error.headers) == (429, {"x-upstream-request-id": "r", "retry-after": "3"})
    assert rejected(999, JSON, ERROR, "", {}).status == 599


@pytest.mark.parametrize(
    ("document", "status"),
    [
        ({}, 0),
        ({"error": None}, 0),
        ({"error": "words"}, 502),
        ({"error": {"code": 429}}, 429),
        ({"error": {"code": 401}}, 502),
        ({"error": {"code": "x", "type": "overloaded_error"}}, 529),
        ({"error": {"type": ["x"]}}, 502),
    ],
)
def test_what_an_error_document_stands_for(document: dict[str, object], status: int) -> None:
    assert status_of(document) == status


def test_json_where_a_stream_was_asked() -> None:
    error = unstreamed(ERROR, "", {})
    assert isinstance(error, UpstreamRejected)
    assert error.body == ERROR
    for body in (b'{"choices":[]}', b"x", None):
        assert unstreamed(body, "", {}).reason is Reason.UPSTREAM_INVALID


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, Reason.UPSTREAM_AUTH),
        (403, Reason.UPSTREAM_AUTH),
        (302, Reason.UPSTREAM_INVALID),
        (204, Reason.UPSTREAM_INVALID),
    ],
)
def test_other_statuses(status: int, reason: Reason) -> None:
    assert unexpected(status).reason is reason
