"""Safir's uploads, and the test of the connection that is made of one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from providers.answers import Blame, Outcome
from providers.backends.safir import MAX_UPLOAD, Safir
from providers.base import HttpResponse, InvalidJob, Upload
from tests.providers.contract import HTML, SECRET
from tests.providers.test_safir import FILE_ID, FIXTURES, WORDS, answer, error


@pytest.fixture
def safir() -> Safir:
    return Safir("https://safir.example/", {"api_access_key": SECRET})


def test_an_upload_goes_to_its_own_address_with_the_key(safir: Safir, tmp_path: Path) -> None:
    upload = Upload(tmp_path / "a", "عکس.PNG", "image/png", 10)
    request = safir.build_upload(upload)
    assert (request.method, request.url) == ("POST", "https://safir.example/api/v3/upload_file")
    assert (request.headers["api-access-key"], request.upload, request.body) == (SECRET, upload, None)


@pytest.mark.parametrize(("name", "size"), [("a.pdf", MAX_UPLOAD), ("a.b.JPEG", 1), ("آهنگ.mp3", 5)])
def test_a_file_within_the_contract_is_taken(safir: Safir, name: str, size: int) -> None:
    assert safir.build_upload(Upload(Path(name), name, "text/plain", size)).upload


@pytest.mark.parametrize(
    ("name", "size"), [("a.exe", 10), ("png", 10), ("a.", 1), ("a.png", 0), ("a.png", MAX_UPLOAD + 1)]
)
def test_a_file_beyond_the_contract_is_refused(safir: Safir, name: str, size: int) -> None:
    with pytest.raises(InvalidJob):
        safir.build_upload(Upload(Path(name), name, "image/png", size))


def test_the_originals_answer_is_read(safir: Safir) -> None:
    found = safir.parse_upload(HttpResponse(200, (FIXTURES / "upload_answer.json").read_bytes()))
    assert (found.outcome, found.file_ref) == (Outcome.ACCEPTED, FILE_ID)


TAKEN = {
    "no-error": answer(file_id="f1", error=None),
    "no-errors": answer(file_id="f1", error_data=[]),
    "an-integer": answer(file_id=17),
    "a-list-of-one": HttpResponse(200, b'[{"file_id": "f1"}]'),
    "a-201": answer(201, file_id="f1", error_data=None),
}


@pytest.mark.parametrize("response", TAKEN.values(), ids=TAKEN.keys())
def test_every_answer_with_an_id_alone_is_taken(safir: Safir, response: HttpResponse) -> None:
    found = safir.parse_upload(response)
    assert (found.outcome, bool(found.file_ref)) == (Outcome.ACCEPTED, True)


REFUSALS: dict[int, tuple[Outcome, Blame | None]] = {
    2: (Outcome.UNCLEAR, None),
    3: (Outcome.RETRYABLE, None),
    4: (Outcome.REJECTED, Blame.REQUEST),
    8: (Outcome.REJECTED, Blame.REQUEST),
    17: (Outcome.REJECTED, Blame.REQUEST),
    20: (Outcome.REJECTED, Blame.ACCOUNT),
    21: (Outcome.REJECTED, Blame.ACCOUNT),
    99: (Outcome.REJECTED, Blame.REQUEST),
}
FORMS = {
    "error": lambda http, found: answer(http, error=found),
    "error-list": lambda http, found: answer(http, error=[found]),
    "error-data": lambda http, found: answer(http, error_data=found),
    "error-data-list": lambda http, found: answer(http, file_id="", error_data=[found]),
    "with-an-id": lambda http, found: answer(http, file_id="f1", error=found),
    "in-a-list": lambda http, found: HttpResponse(http, json.dumps([{"error": found}]).encode()),
    "of-some-number": lambda http, found: answer(http, error={**found, "phone_number": "989350000000"}),
}


@pytest.mark.parametrize("http", [200, 400])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("code", REFUSALS)
def test_a_refused_upload_is_read_in_every_form(safir: Safir, code: int, form: str, http: int) -> None:
    found = safir.parse_upload(FORMS[form](http, error(code, "")))
    assert (found.outcome, found.blame) == REFUSALS[code]
    assert (found.code, found.text, found.file_ref) == (str(code), WORDS, "")


UNCLEAR = {
    "a-page": HttpResponse(200, HTML),
    "nothing": HttpResponse(200, b""),
    "cut": HttpResponse(200, b'{"file_id": "98'),
    "null": HttpResponse(200, b"null"),
    "an-empty-list": HttpResponse(200, b"[]"),
    "two-answers": HttpResponse(200, b'[{"file_id": "f1"}, {"file_id": "f2"}]'),
    "no-id": answer(),
    "id-null": answer(file_id=None),
    "id-empty": answer(file_id=" "),
    "id-a-list": answer(file_id=["f1"]),
    "id-with-a-line-break": answer(file_id="f\n1"),
    "id-too-long-to-keep": answer(file_id="f" * 201),
    "an-error-without-a-code": answer(file_id="f1", error={}),
    "an-error-of-words": answer(error="no"),
    "a-302": HttpResponse(302, b""),
    "a-500": answer(500, file_id="f1"),
    "a-400-with-an-id": answer(400, file_id="f1"),
    "a-gateway": HttpResponse(504, HTML),
}


@pytest.mark.parametrize("response", UNCLEAR.values(), ids=UNCLEAR.keys())
def test_any_other_answer_to_an_upload_is_unclear(safir: Safir, response: HttpResponse) -> None:
    found = safir.parse_upload(response)
    assert (found.outcome, found.file_ref) == (Outcome.UNCLEAR, "")
    assert found.code


def test_an_upload_without_an_id_says_so(safir: Safir) -> None:
    assert {safir.parse_upload(UNCLEAR[name]).code for name in ("no-id", "id-null", "id-too-long-to-keep")} == {
        "no_file_id"
    }


STATUSES = {
    400: Blame.REQUEST,
    401: Blame.ACCOUNT,
    403: Blame.ACCOUNT,
    404: Blame.ACCOUNT,
    405: Blame.ACCOUNT,
    413: Blame.REQUEST,
}


@pytest.mark.parametrize(("http", "blame"), STATUSES.items())
@pytest.mark.parametrize("body", [HTML, b"", b"{}"])
def test_a_refusal_without_a_code_goes_by_its_status(safir: Safir, http: int, blame: Blame, body: bytes) -> None:
    found = safir.parse_upload(HttpResponse(http, body))
    assert (found.outcome, found.blame, found.code) == (Outcome.REJECTED, blame, str(http))


def test_a_test_of_the_connection_uploads_a_picture_of_one_pixel(safir: Safir) -> None:
    request = safir.build_check()
    assert request.url == "https://safir.example/api/v3/upload_file"
    assert request.upload
    content = request.upload.content or b""
    assert (request.upload.path, request.upload.filename, request.upload.size) == (
        None,
        "chapar-check.png",
        len(content),
    )
    assert content.startswith(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1")


def test_the_picture_and_the_key_are_in_no_repr(safir: Safir) -> None:
    assert all(hidden not in f"{safir!r} {safir.build_check()!r}" for hidden in (SECRET, "PNG"))
