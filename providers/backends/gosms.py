"""GoSMS: SMS sent by Android phones of the account's owner.

Source: contracts.md, "gosms"; the original document wins where that page is silent. A request carries one recipient. A
line's sender names the phone: ``any``, ``<device id>``, or ``<device id>:<slot>``, where slot 0 is a real one. The
original calls a device's id an object id (24 hex digits); newer public pages show UUIDs: both are taken.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from providers.answers import (
    Blame,
    CheckAnswer,
    DeleteAnswer,
    OutboxEntry,
    Outcome,
    RecipientResult,
    Report,
    SendAnswer,
    StatusAnswer,
    StatusReport,
)
from providers.base import (
    Capabilities,
    CredentialField,
    Device,
    HttpRequest,
    HttpResponse,
    InvalidJob,
    MalformedAnswer,
    MalformedWebhook,
    Provider,
    Search,
    SendJob,
    WebhookCall,
)
from providers.decoding import digits_of, objects_of, retry_after, text_of, webhook_parameters, whole_of, word_of
from providers.keeping import Page

REPORTS = {
    "0": Report.ACCEPTED,  # waits for a phone
    "1": Report.ACCEPTED,  # a phone has taken it
    "2": Report.SENT,
    "3": Report.FAILED,  # error sending
    "4": Report.DELIVERED,
    "5": Report.UNDELIVERED,  # error delivering
}
UNKNOWN_ERROR, UNKNOWN_ID, TOO_FRESH, BAD_PHONE = "1000", "1008", "1010", "2001"
# The key, the plan, the phones, the account itself: nothing else will pass either.
ACCOUNT_CODES = frozenset({"1002", "1003", "1004", "1005", "1006", *map(str, range(1011, 1017)), "3000"})
REQUEST_CODES = frozenset(
    {"1001", "1007", UNKNOWN_ID, "1009", TOO_FRESH, "1017", "2002", "2003", "2004", "2005", "2006", "2007", "2008"}
)
ACCOUNT_STATUSES = frozenset({401, 403, 404, 405})  # bad token, no right, wrong address
TIMED_OUT = frozenset({408, 499})  # a gateway gave up waiting: the request may have gone through behind it
DELETABLE_AFTER = 300.0  # seconds from a message's creation
MAX_LIMIT = 100
PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
WIRE_PHONE = re.compile(r"\+?([1-9][0-9]{2,29})")
REF = re.compile(r"[0-9a-f]{24}")
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
SENDER = re.compile(rf"any|(?P<device>[0-9a-f]{{24}}|{UUID})(?:[:/#](?P<slot>0|[1-9][0-9]?))?", re.IGNORECASE)


class Verdict(NamedTuple):
    """What an answer says, before its content is looked at."""

    outcome: Outcome
    blame: Blame | None = None
    code: str = ""
    text: str = ""
    retry_after: float | None = None


class GoSMS(Provider):
    """The whole contract. Beside its token an account may name the webhook that takes the reports."""

    slug = "gosms"
    label = "GoSMS"
    default_base_url = "https://api.gosms.ru/v1"
    credential_fields = (
        CredentialField("token", "Token"),
        CredentialField("callback_id", "Webhook id (callback_id)", required=False),
    )
    capabilities = Capabilities(
        channels=("sms",),
        max_recipients=1,
        max_personalised=1,
        group=10,
        max_text=300,
        max_status_ids=1,
        webhook=True,
        reports_delivery=True,
        looks_up=True,
        pace=10.0,
    )

    sender_hint = "any for whichever phone is free; or the phone's id, with :0 or :1 after it for a SIM slot."
    codes = frozenset({UNKNOWN_ERROR, BAD_PHONE, "401", "403", "404", "405", "429"}) | ACCOUNT_CODES | REQUEST_CODES

    def refuses(self, phone: str) -> str:
        return "" if PHONE.fullmatch(phone) else "not_international"

    def objects_to(self, text: str) -> str:
        return super().objects_to(text) or ("backtick" if "`" in text else "")

    def knows_sender(self, sender: str) -> bool:
        return bool(SENDER.fullmatch(sender))

    def device_of(self, sender: str) -> Device | None:
        found = SENDER.fullmatch(sender)
        if not found:
            return None
        return Device((found["device"] or "").lower(), int(found["slot"]) if found["slot"] else None)

    def build_send(self, job: SendJob) -> HttpRequest:
        if len(job.recipients) != 1:
            raise InvalidJob("recipient_count")
        if job.file_ref:
            raise InvalidJob("no_uploads")
        if job.copy_text or job.secure or job.audience or job.send_time:
            raise InvalidJob("not_offered")
        [recipient] = job.recipients
        text = job.text if recipient.text is None else recipient.text
        if not text:
            raise InvalidJob("empty_text")
        if objection := self.objects_to(text) or self.refuses(recipient.phone):
            raise InvalidJob(objection)
        content = {"message": text, "phone_number": recipient.phone[1:], **_device(self.device_of(job.sender))}
        if callback_id := self._credentials.get("callback_id"):
            content["callback_id"] = callback_id
        return self._json("POST", "/sms/send", content)

    def parse_send(self, job: SendJob, response: HttpResponse) -> SendAnswer:
        content = _object(response)
        outcome, blame, code, text, wait = _verdict(response, content)
        if outcome is Outcome.ACCEPTED and (ref := _ref(content.get("id"))):
            return _of_recipient(job, Outcome.ACCEPTED, ref)
        if outcome is Outcome.ACCEPTED:
            return SendAnswer(Outcome.UNCLEAR, code="no_ids")
        if outcome is Outcome.REJECTED and code == BAD_PHONE:
            return _of_recipient(job, Outcome.REJECTED, code=code, text=text)
        return SendAnswer(outcome, (), blame, code, text, wait)

    def build_status(self, refs: Sequence[str]) -> HttpRequest:
        if len(refs) != 1:
            raise InvalidJob("status_ids")
        return self._json("POST", "/sms/get", {"id": _asked(refs[0])})

    def parse_status(self, refs: Sequence[str], response: HttpResponse) -> StatusAnswer:
        content = _object(response)
        outcome, blame, code, text, wait = _verdict(response, content)
        if outcome is Outcome.REJECTED and code == UNKNOWN_ID:
            forgotten = [StatusReport(ref, Report.FORGOTTEN, code, text) for ref in refs[:1]]
            return StatusAnswer(Outcome.ACCEPTED, forgotten)
        if outcome is not Outcome.ACCEPTED:
            return StatusAnswer(outcome, (), blame, code, text, wait)
        found, status = _ref(content.get("id")), word_of(content.get("status"))
        if not found or not status:
            return StatusAnswer(Outcome.UNCLEAR, code="not_the_documented_json")
        said = text_of(content.get("message_status"))
        return StatusAnswer(Outcome.ACCEPTED, [_report(ref, status, said) for ref in refs if ref.lower() == found])

    def build_delete(self, ref: str) -> HttpRequest:
        """The request that removes a message from the provider's list, from ``DELETABLE_AFTER`` on."""
        return self._json("DELETE", "/sms/del", {"id": _asked(ref)})

    def parse_delete(self, response: HttpResponse) -> DeleteAnswer:
        """What became of it. A message that is too fresh is RETRYABLE; one that is not there is gone. Never raises."""
        if response.status == 204:
            return DeleteAnswer(Outcome.ACCEPTED)
        outcome, blame, code, text, wait = _verdict(response, _object(response))
        if outcome is Outcome.REJECTED and code == UNKNOWN_ID:
            return DeleteAnswer(Outcome.ACCEPTED, None, code, text)
        if outcome is Outcome.REJECTED and code == TOO_FRESH:
            return DeleteAnswer(Outcome.RETRYABLE, None, code, text, DELETABLE_AFTER)
        if outcome is Outcome.ACCEPTED:
            return DeleteAnswer(Outcome.UNCLEAR, code=str(response.status))
        return DeleteAnswer(outcome, blame, code, text, wait)

    def build_list(self, offset: int, limit: int = MAX_LIMIT, search: str = "") -> HttpRequest:
        """The request for a part of the list, newest first; ``search`` is looked for in texts and numbers.

        Raises:
            InvalidJob: beyond the documented limits.
        """
        if offset < 0 or not 1 <= limit <= MAX_LIMIT:
            raise InvalidJob("page_size")
        params = {"limit": str(limit), "offset": str(offset)}
        return self._get("/sms", {**params, "search": search} if search else params)

    def parse_list(self, response: HttpResponse) -> Page[OutboxEntry]:
        """A part of the list; ``total`` is the provider's count of it all. Never raises. See :class:`ListWalk`."""
        content = _object(response)
        outcome, blame, code, text, wait = _verdict(response, content)
        if outcome is not Outcome.ACCEPTED:
            return Page(outcome, blame=blame, code=code, text=text, retry_after=wait)
        pagination, listed = content.get("pagination"), content.get("sms_list")
        total = whole_of(pagination.get("total_records")) if isinstance(pagination, dict) else None
        if total is None or not isinstance(listed, list | None):  # Go writes an empty list as null
            return Page(Outcome.UNCLEAR, code="not_the_documented_json")
        return Page(outcome, [found for each in objects_of(listed) if (found := _entry(each))], total=total)

    def search(self, phone: str) -> Search:
        return _Search(self, phone)

    def parse_webhook(self, call: WebhookCall) -> list[StatusReport]:
        reports = []
        for parameters in webhook_parameters(call):
            ref, status = _ref(parameters.get("id")), word_of(parameters.get("status"))
            if not ref or not status:
                raise MalformedWebhook("no_id" if status else "no_status")
            reports.append(_report(ref, status, text_of(parameters.get("message_status"))))
        return reports

    def build_check(self) -> HttpRequest:
        """The newest message of the list: whatever the answer, the token was looked at."""
        return self._get("/sms", {"limit": "1"})

    def parse_check(self, response: HttpResponse) -> CheckAnswer:
        found = self.parse_list(response)
        return CheckAnswer(found.outcome, found.blame, found.code, found.text)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._credentials['token']}", "Accept": "application/json"}


class ListWalk:
    """Walks the list to its proven end, although it is not certain whether ``offset`` counts pages or rows.

    Ask for ``offset`` until it is None, and hand every answer to :meth:`add`. Pages are tried first, as the original
    says; where they bring too little that is new, rows. ``complete`` means proven: as many different messages were
    seen as the provider counts, and its count did not change meanwhile. Without it, a message that is not among
    ``entries`` may still be there.
    """

    max_calls = 1_000
    max_restarts = 3  # since the count changed: other messages came or went
    offset: int | None
    _total: int | None

    def __init__(self, limit: int = MAX_LIMIT) -> None:
        self.limit = limit
        self.calls = self.restarts = 0
        self._begin()

    def add(self, page: Page[OutboxEntry]) -> None:
        """Take an answer to the request for ``offset``; one that is not ACCEPTED ends the walk unproven."""
        self.calls += 1
        if page.outcome is not Outcome.ACCEPTED or page.total is None or self.offset is None:
            self.offset = None
        elif self._total not in (None, page.total):
            self._start_over()
        else:
            self._total = page.total
            new = {entry.ref: entry for entry in page.rows if entry.ref not in self.entries}
            self.entries |= new
            self.complete = len(self.entries) == page.total
            self._step(len(new), len(page.rows))
        if self.complete or self.calls >= self.max_calls:
            self.offset = None

    def _begin(self) -> None:
        self.offset = 1
        self.entries: dict[str, OutboxEntry] = {}
        self.complete = False
        self._total = None
        self._rows = False

    def _start_over(self) -> None:
        self.restarts += 1
        if self.restarts > self.max_restarts:
            self.offset = None
        else:
            self._begin()

    def _step(self, new: int, rows: int) -> None:
        """The next offset: a page further, or, where that gives little new, rows from the first on."""
        at = self.offset or 0
        if self._rows:
            self.offset = at + self.limit if at + self.limit < (self._total or 0) else None
        elif rows >= self.limit and 2 * new > rows:
            self.offset = at + 1
        else:
            self._rows, self.offset = True, 0


class _Search(Search):
    """The list, searched for one number: it also finds texts that hold it, which are left out."""

    def __init__(self, provider: GoSMS, phone: str) -> None:
        self._provider, self._phone, self._walk = provider, phone, ListWalk()

    def request(self) -> HttpRequest | None:
        if self._walk.offset is None:
            return None
        return self._provider.build_list(self._walk.offset, self._walk.limit, self._phone[1:])

    def take(self, response: HttpResponse) -> None:
        self._walk.add(self._provider.parse_list(response))
        self.complete = self._walk.complete

    @property
    def found(self) -> Sequence[OutboxEntry]:
        return [entry for entry in self._walk.entries.values() if entry.phone == self._phone]


def _device(device: Device | None) -> dict[str, Any]:
    """The fields of a request that name the phone and its SIM slot.

    Raises:
        InvalidJob: the sender has not the form of one.
    """
    if device is None:
        raise InvalidJob("no_sender")
    fields: dict[str, Any] = {"device_id": device.id} if device.id else {}
    return fields if device.slot is None else {**fields, "to_sim": device.slot}


def _asked(ref: str) -> str:
    if not _ref(ref):
        raise InvalidJob("status_ids")
    return ref.lower()


def _ref(value: object) -> str:
    """A message's id in lower case; empty for all else, the zero id of a message that was never stored included."""
    ref = value.lower() if isinstance(value, str) else ""
    return ref if REF.fullmatch(ref) and ref.strip("0") else ""


def _object(response: HttpResponse) -> dict[str, Any]:
    """The JSON object of an answer; an empty one where it is none."""
    try:
        content = response.json()
    except MalformedAnswer:
        return {}
    return content if isinstance(content, dict) else {}


def _verdict(response: HttpResponse, content: dict[str, Any]) -> Verdict:
    """The outcome by HTTP status and documented code. A 2xx that also carries an error contradicts itself."""
    errors = content.get("errors")
    code = digits_of(errors.get("code")) if isinstance(errors, dict) else ""
    text = text_of(errors.get("message")) if isinstance(errors, dict) else ""
    status = response.status
    if status in (200, 201) and content and not errors:
        return Verdict(Outcome.ACCEPTED)
    if status == 429:
        return Verdict(Outcome.RETRYABLE, None, code or "429", text, retry_after(response))
    if not 400 <= status < 500 or status in TIMED_OUT or content.get("id") or code == UNKNOWN_ERROR:
        return Verdict(Outcome.UNCLEAR, None, code or str(status), text)
    if code in ACCOUNT_CODES or (status in ACCOUNT_STATUSES and code not in REQUEST_CODES | {BAD_PHONE}):
        return Verdict(Outcome.REJECTED, Blame.ACCOUNT, code or str(status), text)
    if code:  # the body of a refusal, whether its code is documented or new: nothing was taken
        return Verdict(Outcome.REJECTED, Blame.REQUEST, code, text)
    return Verdict(Outcome.UNCLEAR, None, str(status), text)


def _of_recipient(job: SendJob, outcome: Outcome, ref: str = "", code: str = "", text: str = "") -> SendAnswer:
    """An answer about the job's recipient (there is one)."""
    return SendAnswer(
        Outcome.ACCEPTED, [RecipientResult(each.key, outcome, ref, None, code, text) for each in job.recipients]
    )


def _report(ref: str, status: str, text: str) -> StatusReport:
    return StatusReport(ref, REPORTS.get(status, Report.UNRECOGNISED), status, text)


def _entry(row: dict[str, Any]) -> OutboxEntry | None:
    ref, status = _ref(row.get("id")), word_of(row.get("status"))
    if not ref:
        return None
    found = WIRE_PHONE.fullmatch(text_of(row.get("phone_number")))
    report, created = REPORTS.get(status, Report.UNRECOGNISED), whole_of(row.get("time_create")) or 0
    return OutboxEntry(ref, f"+{found[1]}" if found else "", text_of(row.get("message")), report, status, created)
