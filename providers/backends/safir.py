"""Bale Safir v3: messages of a bot to people of Bale, by their phone number.

Source: contracts.md, "safir"; the original document wins where that page is silent. One recipient a request, told by
our own ``request_id``: the same on every repeat, which Safir then does not send again. An error is about the number
that it names, the id in an answer about the request: an error for our number outweighs the id. There is neither a
status call nor a webhook: a message ends at accepted.
"""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from providers.answers import Blame, CheckAnswer, Outcome, RecipientResult, SendAnswer, UploadAnswer
from providers.base import (
    Capabilities,
    CredentialField,
    HttpRequest,
    HttpResponse,
    InvalidJob,
    MalformedAnswer,
    Provider,
    SendJob,
    Upload,
)
from providers.decoding import digits_of, retry_after, text_of, word_of


class Meaning(NamedTuple):
    """What an error code or an HTTP status comes to."""

    outcome: Outcome
    blame: Blame | None = None


CODES = {
    "2": Meaning(Outcome.UNCLEAR),  # InternalServerError
    "3": Meaning(Outcome.RETRYABLE),  # RateLimitExceeded
    "4": Meaning(Outcome.REJECTED, Blame.REQUEST),  # InvalidInput
    "8": Meaning(Outcome.REJECTED, Blame.RECIPIENT),  # InvalidPhone
    "17": Meaning(Outcome.REJECTED, Blame.RECIPIENT),  # NotBaleUser
    "20": Meaning(Outcome.REJECTED, Blame.ACCOUNT),  # PaymentRequired
    "21": Meaning(Outcome.REJECTED, Blame.ACCOUNT),  # MaximumContactLimitReached: the bot's contacts are full
}
ANY_OTHER_CODE = Meaning(Outcome.REJECTED, Blame.RECIPIENT)
NOT_BALE_USER = "17"
ACCOUNT_REFUSALS = frozenset({401, 402, 403, 404, 405})  # bad key, no credit, wrong address: nothing else will pass
TIMED_OUT = frozenset({408, 499})  # a gateway gave up waiting: the request may have gone through behind it
MAX_UPLOAD = 500 * 1024 * 1024
MAX_FILE_REF = 200
MOBILE = re.compile(r"\+989[0-9]{9}")
BOT_ID = re.compile(r"[1-9][0-9]{0,17}")
MOBILE_IN_AN_ANSWER = re.compile(r"(?:\+|00)?(?:98|0)?(9[0-9]{9})")
ANY_NUMBER = re.compile(r"\+?[0-9]{5,19}")
PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mP4DwABAQEAHLCMmQAAAABJRU5ErkJggg==")


class Errors(NamedTuple):
    """An answer's fields, and the errors in it that are ours; ``broken``: some of them are not as documented."""

    fields: dict[str, Any] | None  # None: the answer is no JSON object
    ours: list[dict[str, Any]]
    broken: bool


class Verdict(NamedTuple):
    """What an answer says of the one message or file that it is about; ``ref`` is the id in it."""

    outcome: Outcome
    blame: Blame | None = None
    code: str = ""
    text: str = ""
    ref: str = ""


class Safir(Provider):
    """The whole v3 contract. An account's only credential is the access key of the organisation."""

    slug = "safir"
    label = "Bale Safir"
    default_base_url = "https://safir.bale.ai"
    credential_fields = (CredentialField("api_access_key", "API access key"),)
    capabilities = Capabilities(
        channels=("bale",),
        max_recipients=1,
        max_personalised=1,
        group=100,
        idempotent=True,
        tells_absence=True,
        max_upload=MAX_UPLOAD,
        # The contract names none: what Bale shows as a picture, a sound, a film or a document.
        upload_extensions=(
            *("jpeg", "jpg", "png", "gif", "webp", "opus", "ogg", "mp3", "m4a", "mp4", "mov"),
            *("pdf", "zip", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "txt", "csv"),
        ),
        copy_button=True,
        secure=True,
        pace=4.0,  # no rate is published: 2 to 5 a second for a bot to begin with
    )
    sender_hint = "The numeric id of the Bale bot, in digits."
    codes = frozenset({*CODES, "401", "402", "403", "404", "405", "413", "429"})

    def refuses(self, phone: str) -> str:
        return "" if MOBILE.fullmatch(phone) else "not_iranian_mobile"

    def knows_sender(self, sender: str) -> bool:
        return BOT_ID.fullmatch(sender) is not None

    def build_send(self, job: SendJob) -> HttpRequest:
        if len(job.recipients) != 1:
            raise InvalidJob("recipient_count")
        if not job.idempotency_key:
            raise InvalidJob("no_idempotency_key")
        if not self.knows_sender(job.sender):
            raise InvalidJob("no_sender")
        recipient = job.recipients[0]
        if word := self.refuses(recipient.phone):
            raise InvalidJob(word)
        message_data: dict[str, Any] = {"message": _message(job, recipient.text)}
        if job.secure:
            message_data["is_secure"] = True
        content = {
            "request_id": job.idempotency_key,
            "bot_id": int(job.sender),
            "phone_number": recipient.phone[1:],
            "message_data": message_data,
        }
        return self._json("POST", "/api/v3/send_message", content)

    def parse_send(self, job: SendJob, response: HttpResponse) -> SendAnswer:
        recipient, anomalies = job.recipients[0], Counter[str]()
        errors = _errors(_content(response), recipient.phone, anomalies)
        outcome, blame, code, text, _ref = _verdict(response, errors, ("message_id", "request_id"))
        if outcome is Outcome.ACCEPTED:
            result = RecipientResult(recipient.key, outcome, job.idempotency_key)
        elif blame is Blame.RECIPIENT:
            absent = code == NOT_BALE_USER
            result = RecipientResult(recipient.key, outcome, code=code, text=text, off_channel=absent)
        else:
            wait = retry_after(response) if outcome is Outcome.RETRYABLE else None
            return SendAnswer(outcome, (), blame, code, text, wait, anomalies=dict(anomalies))
        return SendAnswer(Outcome.ACCEPTED, [result], anomalies=dict(anomalies))

    def build_upload(self, upload: Upload) -> HttpRequest:
        _stem, dot, extension = upload.filename.rpartition(".")
        if not dot or extension.lower() not in self.capabilities.upload_extensions:
            raise InvalidJob("file_extension")
        if not 0 < upload.size <= MAX_UPLOAD:
            raise InvalidJob("file_size")
        return HttpRequest("POST", f"{self.base_url}/api/v3/upload_file", self._headers(), upload=upload)

    def parse_upload(self, response: HttpResponse) -> UploadAnswer:
        outcome, blame, code, text, ref = _upload_verdict(response)
        return UploadAnswer(outcome, ref, blame, code, text)

    def build_check(self) -> HttpRequest:
        """The upload of one pixel: no other call of the contract looks at the key without sending a message."""
        return self.build_upload(Upload(None, "chapar-check.png", "image/png", len(PIXEL), content=PIXEL))

    def parse_check(self, response: HttpResponse) -> CheckAnswer:
        outcome, blame, code, text, _ref = _upload_verdict(response)
        return CheckAnswer(outcome, blame, code, text)

    def _headers(self) -> dict[str, str]:
        return {"api-access-key": self._credentials["api_access_key"], "Accept": "application/json"}


def _message(job: SendJob, own_text: str | None) -> dict[str, str]:
    text = own_text if own_text is not None else job.text
    if not text and not job.file_ref:
        raise InvalidJob("empty_text")
    parts = {"text": text, "file_id": job.file_ref, "copy_text": job.copy_text}
    return {name: part for name, part in parts.items() if part}


def _content(response: HttpResponse) -> Any:
    try:
        return response.json()
    except MalformedAnswer:
        return None


def _errors(content: Any, phone: str, anomalies: Counter[str]) -> Errors:
    """The errors for an E.164 number, or all of them where there is none; one that names no number is ours."""
    if not isinstance(content, dict):
        return Errors(None, [], broken=False)
    ours: list[dict[str, Any]] = []
    broken = False
    for entry in _entries(content):
        concerns = _concerns(entry, phone) if isinstance(entry, dict) else None
        if concerns:
            ours.append(entry)
        elif concerns is None:
            broken = True
        else:
            anomalies["foreign_recipient"] += 1
    if len(ours) > 1:
        anomalies["repeated_recipient"] += len(ours) - 1
    return Errors(content, ours, broken)


def _concerns(entry: dict[str, Any], phone: str) -> bool | None:
    """Whether an error is about this number; None where that cannot be told."""
    named = entry.get("phone_number")
    if not phone or named is None or named == "":
        return True
    written = str(named).strip() if isinstance(named, str | int) else ""
    if found := MOBILE_IN_AN_ANSWER.fullmatch(written):
        return found[1] == phone[3:]
    return False if ANY_NUMBER.fullmatch(written) else None


def _entries(content: dict[str, Any]) -> Iterator[Any]:
    """What stands in either field for errors: one object, a list of them, or something that nobody documented."""
    for name in ("error_data", "error"):
        value = content.get(name)
        if isinstance(value, list):
            yield from value
        elif value is not None:
            yield value


def _verdict(response: HttpResponse, errors: Errors, ids: tuple[str, ...]) -> Verdict:
    """An error of ours decides; without one, the HTTP status and whether there is an id."""
    by_status, fields = _by_status(response.status), errors.fields or {}
    first = errors.ours[0] if errors.ours else {}
    code, text = word_of(first.get("code")), text_of(first.get("description") or fields.get("message"))
    codes = {digits_of(each.get("code")) for each in errors.ours}
    if len(codes) == 1 and not codes & {"", "0"} and not errors.broken:
        return Verdict(*_by_code(code, by_status), code, text)
    ref = _id(fields, ids)
    if by_status.outcome is not Outcome.ACCEPTED:
        contradiction = Meaning(Outcome.UNCLEAR)  # a refusal that comes with an id
        return Verdict(*(contradiction if ref else by_status), code or str(response.status), text)
    if not ref or errors.ours or errors.broken:
        absent = "not_the_documented_json" if errors.fields is None else "no_id"
        return Verdict(Outcome.UNCLEAR, None, code or ("undocumented_error" if ref else absent), text)
    return Verdict(Outcome.ACCEPTED, ref=ref)


def _upload_verdict(response: HttpResponse) -> Verdict:
    content = _content(response)
    if isinstance(content, list) and len(content) == 1:
        [content] = content
    found = _verdict(response, _errors(content, "", Counter()), ("file_id",))
    if found.code == "no_id" or len(found.ref) > MAX_FILE_REF:
        return Verdict(Outcome.UNCLEAR, code="no_file_id")
    return found._replace(blame=Blame.REQUEST) if found.blame is Blame.RECIPIENT else found


def _by_status(status: int) -> Meaning:
    if 200 <= status < 300:
        return Meaning(Outcome.ACCEPTED)
    if status == 429:
        return CODES["3"]
    if not 400 <= status < 500 or status in TIMED_OUT:
        return Meaning(Outcome.UNCLEAR)
    return Meaning(Outcome.REJECTED, Blame.ACCOUNT if status in ACCOUNT_REFUSALS else Blame.REQUEST)


def _by_code(code: str, by_status: Meaning) -> Meaning:
    """A documented code outweighs a 4xx, which outweighs another code where it concerns more than one recipient."""
    if by_status.outcome is Outcome.UNCLEAR:
        return by_status
    if code in CODES:
        return CODES[code]
    if by_status.blame is Blame.ACCOUNT or by_status.outcome is Outcome.RETRYABLE:
        return by_status
    return ANY_OTHER_CODE


def _id(fields: dict[str, Any], names: tuple[str, ...]) -> str:
    for name in names:
        value = fields.get(name)
        found = value.strip() if isinstance(value, str) else digits_of(value or None)
        if found and found.isprintable():
            return found
    return ""
