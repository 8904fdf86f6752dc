from base64 import b64encode, urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.core.encoded import decoded, is_base64


@given(data=st.binary(), safe=st.booleans(), padded=st.booleans(), cut=st.integers(1, 8))
def test_every_form_says_the_same(data: bytes, safe: bool, padded: bool, cut: int) -> None:
    text = (urlsafe_b64encode if safe else b64encode)(data).decode()
    text = text if padded else text.rstrip("=")
    lines = "\r\n".join(text[at : at + cut] for at in range(0, len(text), cut))
    assert is_base64(lines)
    assert decoded(lines) == data


@pytest.mark.parametrize("text", ["QUJD=QUJD", "QUJDR", "=QUJD"])
def test_what_decoders_read_in_different_ways_is_not_read(text: str) -> None:
    assert is_base64(text)
    assert decoded(text) is None


@pytest.mark.parametrize("text", ["QUJD QUJD", "QUJ.", "QUJ\u00e9", "data:,"])
def test_what_is_no_base64(text: str) -> None:
    assert not is_base64(text)
