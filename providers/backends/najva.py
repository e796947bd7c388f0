"""Najva SMS web service v2: SMS, and Bale through a bot sender.

Source: contracts.md, "najva"; the original document wins where that page is silent. The tables of the original call the
request field ``receptor``; its samples, and every working client, say ``receivers`` and ``receiver``: those are sent.
Entries come back in no promised order: they are matched by number, never by position.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from providers.answers import (
    Blame,
    CheckAnswer,
    OutboxAnswer,
    OutboxEntry,
    Outcome,
    RecipientResult,
    Report,
    SendAnswer,
    StatusAnswer,
    StatusReport,
    UploadAnswer,
)
from providers.base import (
    Capabilities,
    CredentialField,
    HttpRequest,
    HttpResponse,
    InvalidJob,
    MalformedAnswer,
    MalformedWebhook,
    Provider,
    SendJob,
    Upload,
    WebhookCall,
)
from providers.decoding import digits_of, objects_of, retry_after, text_of, webhook_parameters, whole_of, word_of

REPORTS = {
    "1": Report.ACCEPTED,  # queued
    "2": Report.ACCEPTED,  # scheduled
    "4": Report.SENT,  # handed to the telecom operator
    "6": Report.FAILED,  # error sending from this line
    "10": Report.DELIVERED,
    "11": Report.UNDELIVERED,  # unreachable, phone off
    "13": Report.CANCELLED,
    "14": Report.BLOCKED,  # by the recipient; the cost is refunded
    "100": Report.FORGOTTEN,  # invalid message id
}
UNKNOWN_ID, REFUNDED = "100", "14"
ACCOUNT_REFUSALS = frozenset({401, 403, 404, 405, 418})  # bad token, wrong address, no credit: nothing else will pass
TIMED_OUT = frozenset({408, 499})  # a gateway gave up waiting: the request may have gone through behind it
MAX_UPLOAD = 15 * 1024 * 1024
MOBILE = re.compile(r"\+989[0-9]{9}")
MOBILES = re.compile(rf"{MOBILE.pattern}(?:\n{MOBILE.pattern})*")
RECEPTOR = re.compile(r"(?:\+|00)?(?:98|0)?(9[0-9]{9})")


class Verdict(NamedTuple):
    """What the envelope of an answer says, before its entries are looked at."""

    outcome: Outcome
    blame: Blame | None = None
    code: str = ""
    text: str = ""
    entries: Any = None
    retry_after: float | None = None


class Najva(Provider):
    """The whole v2 contract. An account's only credential is its API token."""

    slug = "najva"
    label = "Najva"
    default_base_url = "https://sms.najva.com"
    credential_fields = (CredentialField("api_token", "API token"),)
    capabilities = Capabilities(
        channels=("sms", "bale"),
        max_recipients=10_000,
        max_personalised=10_000,
        max_status_ids=1_000,
        webhook=True,
        reports_delivery=True,
        max_upload=MAX_UPLOAD,
        upload_extensions=("jpeg", "jpg", "png", "gif", "opus", "ogg", "mp4"),
        outbox=True,
    )

    sender_hint = "The number of the line, or the id of a Bale bot, in digits."
    codes = frozenset({"400", "401", "403", "404", "413", "414", "418", "429"})

    def refuses(self, phone: str) -> str:
        return "" if MOBILE.fullmatch(phone) else "not_iranian_mobile"

    def build_send(self, job: SendJob) -> HttpRequest:
        if not 0 < len(job.recipients) <= self.capabilities.max_recipients:
            raise InvalidJob("recipient_count")
        phones = _wires([recipient.phone for recipient in job.recipients])
        if len(set(phones)) != len(phones):
            raise InvalidJob("repeated_number")
        common: dict[str, Any] = {"sender": job.sender} if job.sender else {}
        if job.file_ref:
            common["file_id"] = job.file_ref
        if job.text is not None and all(recipient.text is None for recipient in job.recipients):
            if not job.sender or not job.text:
                raise InvalidJob("no_sender" if job.text else "empty_text")
            return self._json("POST", "/v2/sms/send", {"message": job.text, **common, "receivers": phones})
        texts = [job.text if recipient.text is None else recipient.text for recipient in job.recipients]
        if not all(texts):
            raise InvalidJob("empty_text")
        messages = [{"message": text, "receiver": phone} for text, phone in zip(texts, phones, strict=True)]
        return self._json("POST", "/v2/sms/send-p2p", {**common, "messages": messages})

    def parse_send(self, job: SendJob, response: HttpResponse) -> SendAnswer:
        verdict = _verdict(response)
        anomalies: Counter[str] = Counter()
        if verdict.outcome is Outcome.ACCEPTED:
            results = _match(job, verdict.entries, anomalies)
            if any(result.outcome is Outcome.ACCEPTED for result in results):
                return SendAnswer(Outcome.ACCEPTED, results, anomalies=dict(anomalies))
            verdict = Verdict(Outcome.UNCLEAR, code="no_ids", text=verdict.text)
        outcome, blame, code, text, _entries, wait = verdict
        return SendAnswer(outcome, (), blame, code, text, wait, anomalies=dict(anomalies))

    def build_status(self, refs: Sequence[str]) -> HttpRequest:
        ids = [digits_of(ref) for ref in refs]
        if not 0 < len(ids) <= self.capabilities.max_status_ids or not all(ids):
            raise InvalidJob("status_ids")
        return self._json("POST", "/v2/sms/status", {"messageids": [int(each) for each in ids]})

    def parse_status(self, refs: Sequence[str], response: HttpResponse) -> StatusAnswer:
        verdict = _verdict(response)
        reports: dict[str, StatusReport] = {}
        if verdict.outcome is Outcome.ACCEPTED:
            asked = frozenset(refs)
            for entry in objects_of(verdict.entries):
                ref, code = digits_of(entry.get("messageid")), word_of(entry.get("status"))
                if ref in asked and code:
                    reports[ref] = _report(ref, code, text_of(entry.get("statustext")))
        outcome, blame, code, text, _entries, wait = verdict
        return StatusAnswer(outcome, tuple(reports.values()), blame, code, text, wait)

    def build_upload(self, upload: Upload) -> HttpRequest:
        _stem, dot, extension = upload.filename.rpartition(".")
        if not dot or extension.lower() not in self.capabilities.upload_extensions:
            raise InvalidJob("file_extension")
        if not 0 < upload.size <= MAX_UPLOAD:
            raise InvalidJob("file_size")
        return HttpRequest("POST", f"{self.base_url}/upload-file/bale", self._headers(), upload=upload)

    def parse_upload(self, response: HttpResponse) -> UploadAnswer:
        verdict = _verdict(response)
        if verdict.outcome is not Outcome.ACCEPTED:
            return UploadAnswer(verdict.outcome, "", verdict.blame, verdict.code, verdict.text)
        file_ref = verdict.entries.get("file_id") if isinstance(verdict.entries, dict) else None
        if not isinstance(file_ref, str) or not word_of(file_ref.replace("-", "")):
            return UploadAnswer(Outcome.UNCLEAR, code="no_file_id", text=verdict.text)
        return UploadAnswer(Outcome.ACCEPTED, file_ref)

    def build_check(self) -> HttpRequest:
        """The status of a message that cannot be: the token is looked at first."""
        return self.build_status(["1"])

    def parse_check(self, response: HttpResponse) -> CheckAnswer:
        verdict = _verdict(response)
        return CheckAnswer(verdict.outcome, verdict.blame, verdict.code, verdict.text)

    def build_outbox(self, page: int, page_size: int) -> HttpRequest:
        if page < 0 or not 0 < page_size <= 200:
            raise InvalidJob("page_size")
        params = {"page": str(page), "pageSize": str(page_size)}
        return self._get("/v2/sms/outbox", params)

    def parse_outbox(self, response: HttpResponse) -> OutboxAnswer:
        verdict = _verdict(response)
        entries = list(objects_of(verdict.entries)) if verdict.outcome is Outcome.ACCEPTED else []
        total = whole_of(entries[0].get("totalMessages")) if entries else None
        if total is None:
            return OutboxAnswer(available=False)
        return OutboxAnswer(True, total, [found for entry in entries[1:] if (found := _outbox_entry(entry))])

    def parse_webhook(self, call: WebhookCall) -> list[StatusReport]:
        reports = []
        for parameters in webhook_parameters(call):
            ref, code = digits_of(parameters.get("messageid")), word_of(parameters.get("status"))
            if not ref or not code:
                raise MalformedWebhook("no_messageid" if code else "no_status")
            reports.append(_report(ref, code))
        return reports

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._credentials['api_token']}", "Accept": "application/json"}


def _wires(phones: Sequence[str]) -> list[str]:
    """The numbers as they go onto the wire: ``09…``."""
    listed = "\n".join(phones)
    if not MOBILES.fullmatch(listed):
        raise InvalidJob("not_iranian_mobile")
    return listed.replace("+98", "0").split("\n")


def _verdict(response: HttpResponse) -> Verdict:
    """The error code may stand in the HTTP status or in ``return.status`` of a 200: both are read."""
    try:
        content = response.json()
    except MalformedAnswer:
        content = None
    envelope = content.get("return") if isinstance(content, dict) else None
    stated = digits_of(envelope.get("status")) if isinstance(envelope, dict) else ""
    text = text_of(envelope.get("message")) if isinstance(envelope, dict) else ""
    entries = content.get("entries") if isinstance(content, dict) else None
    if not 200 <= response.status < 300:
        code = stated if stated[:1] in ("4", "5") else str(response.status)
        return _refusal(response, response.status, code, text, entries)
    if not stated:
        return Verdict(Outcome.UNCLEAR, code="not_the_documented_json", text=text)
    if 200 <= int(stated) < 300:
        return Verdict(Outcome.ACCEPTED, None, "", text, entries)
    return _refusal(response, int(stated), stated, text, entries)


def _refusal(response: HttpResponse, status: int, code: str, text: str, entries: object) -> Verdict:
    if entries or not 400 <= status < 500 or status in TIMED_OUT:  # a refusal with entries contradicts itself
        return Verdict(Outcome.UNCLEAR, None, code, text)
    if status == 429:
        return Verdict(Outcome.RETRYABLE, None, code, text, None, retry_after(response))
    return Verdict(Outcome.REJECTED, Blame.ACCOUNT if status in ACCOUNT_REFUSALS else Blame.REQUEST, code, text)


def _match(job: SendJob, entries: object, anomalies: Counter[str]) -> list[RecipientResult]:
    """One result a recipient, in the job's order; who has no entry, or no id of his own, is unclear."""
    keys = {"0" + recipient.phone[3:]: recipient.key for recipient in job.recipients}
    results: dict[int, RecipientResult] = {}
    refs: set[int] = set()
    for entry in objects_of(entries):
        receptor = entry.get("receptor")
        key = keys.get(receptor if type(receptor) is str and receptor in keys else _receptor(receptor))
        if key is None:
            anomalies["foreign_recipient"] += 1
        elif key in results:
            anomalies["repeated_recipient"] += 1
        else:
            results[key] = _result(key, entry, refs, anomalies)
    if len(results) < len(keys):
        anomalies["missing_recipient"] += len(keys) - len(results)
    return [results.get(key) or RecipientResult(key, Outcome.UNCLEAR, code="no_entry") for key in keys.values()]


def _result(key: int, entry: dict[str, Any], refs: set[int], anomalies: Counter[str]) -> RecipientResult:
    ref, cost = whole_of(entry.get("messageid")), whole_of(entry.get("cost"))
    try:
        code, text, report = _said(entry.get("status"), entry.get("statustext"))
    except TypeError:  # a list or an object in the place of a word
        code, text, report = _said.__wrapped__(entry.get("status"), entry.get("statustext"))
    if ref in refs:  # an id that names two messages can tell nothing of the second
        anomalies["repeated_ref"] += 1
        return RecipientResult(key, Outcome.UNCLEAR, code="repeated_ref", text=text)
    if not ref or code == UNKNOWN_ID:
        anomalies["missing_ref"] += 1
        return RecipientResult(key, Outcome.UNCLEAR, code=code, text=text)
    refs.add(ref)
    if report is Report.ACCEPTED:
        return RecipientResult(key, Outcome.ACCEPTED, str(ref), None, code, text, cost)
    if report is Report.UNRECOGNISED:
        anomalies["unknown_status"] += 1
    return RecipientResult(key, Outcome.ACCEPTED, str(ref), report, code, text, 0 if code == REFUNDED else cost)


@lru_cache(maxsize=256, typed=True)
def _said(status: object, text: object) -> tuple[str, str, Report]:
    """An entry's code, words and our reading of them: of ten thousand entries most say the same."""
    code = word_of(status)
    return code, text_of(text), REPORTS.get(code, Report.UNRECOGNISED)


def _report(ref: str, code: str, text: str = "") -> StatusReport:
    return StatusReport(ref, REPORTS.get(code, Report.UNRECOGNISED), code, text, 0 if code == REFUNDED else None)


def _outbox_entry(entry: dict[str, Any]) -> OutboxEntry | None:
    ref, wire = digits_of(entry.get("messageid")), _receptor(entry.get("receptor"))
    if not ref or not wire:
        return None
    code = word_of(entry.get("status"))
    report, sent_at = REPORTS.get(code, Report.UNRECOGNISED), whole_of(entry.get("date")) or 0
    return OutboxEntry(
        ref, "+98" + wire[1:], text_of(entry.get("message")), report, code, sent_at, whole_of(entry.get("cost"))
    )


def _receptor(value: object) -> str:
    """The wire form ``09…`` of a number in any of the forms that answers were seen in; else empty."""
    found = RECEPTOR.fullmatch(str(value).strip()) if isinstance(value, int | str) else None
    return "0" + found[1] if found else ""
