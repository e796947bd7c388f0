"""An answer's JSON as it is read: byte for byte, and no more forgiving than the standard library."""

from __future__ import annotations

import pytest

from providers.base import HttpResponse, MalformedAnswer


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ('{"a": "سلام، نیم‌فاصله 🌿"}'.encode(), {"a": "سلام، نیم‌فاصله 🌿"}),
        (b'{"a": "\\u0633\\u0644\\u0627\\u0645"}', {"a": "سلام"}),
        (b'{"a": "\\ud800"}', {"a": "\ud800"}),  # half of a pair: the words are lost, not the answer
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (b'{"a": 1, "a": 2}', {"a": 2}),
        (b'{"a": 9999999999999999999}', {"a": 9999999999999999999}),
    ],
)
def test_what_can_be_read_of_an_answer_is_read(body: bytes, value: object) -> None:
    assert HttpResponse(200, body).json() == value


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"a": 1', b'{"a": 1} x', b'{"a": "\xff"}', b"[" * 100_000])
def test_what_is_no_json_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedAnswer):
        HttpResponse(200, body).json()
