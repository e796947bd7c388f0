"""IPPanel Edge (also FarazSMS, Mediana, Tabaan): SMS to the phonebooks and job categories that IPPanel keeps.

Source: contracts.md, "ippanel", the original documents, and IPPanel's own public pages for the lists and reports. JSON
types differ between the two kinds of sends, as in the originals: ids, ``start`` and ``size`` are strings for phonebooks
and integers for job categories. An accepted send is a *bulk*: what becomes of it is asked by its id.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from typing import Any

from providers.answers import CheckAnswer, Outcome, Report, SendAnswer
from providers.audience import Audience, CategoryPart, NumbersPart, OperatorSlice, PhonebooksPart
from providers.base import Capabilities, CredentialField, HttpRequest, HttpResponse, InvalidJob, SendJob
from providers.decoding import digits_of, objects_of, text_of, whole_of, word_of
from providers.ippanel_answers import (
    asked_of,
    counts_of,
    field_errors,
    message_of,
    page_of,
    phone_of,
    rial_of,
    verdict_of,
)
from providers.keeping import (
    BulkAnswer,
    BulkState,
    CancelAnswer,
    CountAnswer,
    KeepingProvider,
    ListedBulk,
    ListedCategory,
    ListedLine,
    ListedNumber,
    ListedPhonebook,
    ListedRecipient,
    Page,
    PriceAnswer,
    Reply,
)

REPORTS = {
    "0": Report.SENT,  # to the operator
    "1": Report.SENT,  # the operator has it
    "2": Report.DELIVERED,
    "3": Report.UNDELIVERED,
    "4": Report.BLOCKED,  # the number blocks advertising
}
STATES = {
    "0": BulkState.CREATING,
    "1": BulkState.AWAITING_APPROVAL,
    "2": BulkState.SENDING,
    "3": BulkState.REJECTED,  # by the monitor; reject_comment tells why
    "4": BulkState.INVALID,
    "5": BulkState.QUEUED,
    "6": BulkState.SENT,
    "7": BulkState.CANCELLED,
    "8": BulkState.UNFUNDED,
    "9": BulkState.BROKEN,
}
OPERATORS = {1: "mci_count", 2: "irancell_count", 13: "other_count"}
MAX_PARTS = 100
MAX_PER_PAGE = 1_000  # documented for phonebooks and their numbers only
SENDER = re.compile(r"\+98[0-9A-Za-z]{2,30}", re.ASCII)


class IPPanel(KeepingProvider):
    """The Edge API. An account's only credential is its token, or the access key that does not expire."""

    slug = "ippanel"
    label = "IPPanel Edge"
    default_base_url = "https://edge.ippanel.com/v1"
    credential_fields = (CredentialField("token", "Token"),)
    capabilities = Capabilities(
        channels=("sms",),
        max_recipients=0,
        max_personalised=0,
        max_text=1_400,
        reports_delivery=True,
        looks_up=True,
        send_time=True,
        cancels=True,
        credit=True,
    )

    sender_hint = "The line as IPPanel writes it: +98 and then digits or letters, as in +983000505 or +98PRO."
    codes = frozenset({"400-1", "400-2", "401", "403", "404", "405", "422", "429", "3", "4"}) | {
        f"state-{number}" for number in (1, 3, 4, 7, 8, 9)
    }

    def knows_sender(self, sender: str) -> bool:
        return SENDER.fullmatch(sender) is not None

    def build_send(self, job: SendJob) -> HttpRequest:
        if job.recipients:
            raise InvalidJob("own_recipients")
        if not self.knows_sender(job.sender):
            raise InvalidJob("bad_sender")
        if not job.text or self.objects_to(job.text):
            raise InvalidJob("text_too_long" if job.text else "empty_text")
        kind, params = _params(job.audience or Audience())
        content: dict[str, Any] = {"sending_type": kind, "from_number": job.sender, "message": job.text}
        if job.send_time is not None:
            if job.send_time.utcoffset() is None:
                raise InvalidJob("send_time_without_zone")
            content["send_time"] = job.send_time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
        return self._json("POST", "/api/send", {**content, "params": params})

    def parse_send(self, job: SendJob, response: HttpResponse) -> SendAnswer:
        verdict = verdict_of(response)
        outcome, blame, code, text, data, meta, _enveloped, wait = verdict
        if outcome is Outcome.ACCEPTED:
            ids = data.get("message_outbox_ids") if isinstance(data, dict) else None
            found = dict.fromkeys(digits_of(each) for each in (ids if isinstance(ids, list) else ()))
            if refs := [ref for ref in found if ref not in ("", "0")]:
                return SendAnswer(outcome, refs=refs)
            return SendAnswer(Outcome.UNCLEAR, code="no_ids", text=text)
        if outcome is Outcome.RETRYABLE:  # an identical send within 40 s: the first one was probably taken
            return SendAnswer(Outcome.UNCLEAR, code=code, text=text, retry_after=wait)
        errors = field_errors(meta) if outcome is Outcome.REJECTED else {}
        return SendAnswer(outcome, (), blame, code, text, field_errors=errors)

    def build_check(self) -> HttpRequest:
        return self._get("/api/payment/credit/mine")

    def parse_check(self, response: HttpResponse) -> CheckAnswer:
        verdict = verdict_of(response)
        credit = rial_of(verdict.data.get("credit")) if isinstance(verdict.data, dict) else None
        return CheckAnswer(verdict.outcome, verdict.blame, verdict.code, verdict.text, credit)

    def build_lines(self, page: int) -> HttpRequest:
        return self._page("/api/number/numbers", page, self.per_page)

    def parse_lines(self, response: HttpResponse) -> Page[ListedLine]:
        return page_of(response, self.per_page, _line)

    def build_phonebooks(self, page: int) -> HttpRequest:
        return self._page("/api/phonebooks/list-new", page, MAX_PER_PAGE)

    def parse_phonebooks(self, response: HttpResponse) -> Page[ListedPhonebook]:
        return page_of(response, MAX_PER_PAGE, _phonebook)

    def build_numbers(self, phonebook: str, page: int) -> HttpRequest:
        wanted = {"phonebook_id": _id(phonebook)}
        return self._page("/api/phonebooks/numbers/contact-list", page, MAX_PER_PAGE, wanted)

    def parse_numbers(self, response: HttpResponse) -> Page[ListedNumber]:
        return page_of(response, MAX_PER_PAGE, _number)

    def build_categories(self) -> HttpRequest:
        return self._get("/api/send/jobs/categories")

    def build_subcategories(self, main: int) -> HttpRequest:
        return self._get("/api/send/jobs/sub-categories", {"main_category_id": str(main)})

    def parse_categories(self, response: HttpResponse) -> Page[ListedCategory]:
        found = page_of(response, 0, _category)
        return Page(found.outcome, found.rows, 1, 1, len(found.rows), found.blame, found.code, found.text)

    def build_count(self, part: CategoryPart, operator: OperatorSlice | None) -> HttpRequest:
        wanted = {"main_category_id": part.main, "sub_category_id": part.sub}
        if operator:
            wanted |= {"operator_id": operator.id, "start": operator.start, "size": operator.size}
        params = {name: str(value) for name, value in wanted.items() if value is not None}
        return self._get("/api/send/jobs/number-count", params)

    def parse_count(self, response: HttpResponse) -> CountAnswer:
        verdict = asked_of(response)
        data = verdict.data if isinstance(verdict.data, dict) else {}
        counts = {operator: whole_of(data.get(name)) for operator, name in OPERATORS.items()}
        if verdict.outcome is Outcome.ACCEPTED and all(count is None for count in counts.values()):
            return CountAnswer(Outcome.UNCLEAR, code="no_counts", text=verdict.text)
        by_operator = {operator: count or 0 for operator, count in counts.items()}
        if verdict.outcome is not Outcome.ACCEPTED:
            by_operator = {}
        return CountAnswer(verdict.outcome, by_operator, verdict.blame, verdict.code, verdict.text)

    def build_price(self, sender: str, text: str) -> HttpRequest:
        if not text or self.objects_to(text):
            raise InvalidJob("text_too_long" if text else "empty_text")
        return self._json("POST", "/api/send/calculate-price", {"number": sender, "message": text})

    def parse_price(self, response: HttpResponse) -> PriceAnswer:
        verdict = asked_of(response)
        data = verdict.data if isinstance(verdict.data, dict) else {}
        mci, other = rial_of(data.get("mci_price")), rial_of(data.get("other_price"))
        if verdict.outcome is Outcome.ACCEPTED and mci is None and other is None:
            return PriceAnswer(Outcome.UNCLEAR, code="no_price", text=verdict.text)
        parts = whole_of(data.get("parts"))
        return PriceAnswer(verdict.outcome, mci, other, parts, verdict.blame, verdict.code, verdict.text)

    def build_bulk(self, ref: str) -> HttpRequest:
        return self._get("/api/report/by_bulk", {"messages_outbox_id": _id(ref)})

    def parse_bulk(self, ref: str, response: HttpResponse) -> BulkAnswer:
        verdict = asked_of(response)
        if verdict.outcome is not Outcome.ACCEPTED:
            return BulkAnswer(verdict.outcome, blame=verdict.blame, code=verdict.code, text=verdict.text)
        entries = verdict.data if isinstance(verdict.data, list) else [verdict.data]
        for entry in objects_of(entries):
            if digits_of(entry.get("messages_outbox_id")) == ref:
                return _bulk(entry)
        return BulkAnswer(Outcome.UNCLEAR, code="another_bulk", text=verdict.text)

    def build_bulk_counts(self, ref: str) -> HttpRequest:
        return self._get("/api/report/bulk_stats", {"bulk_id": _id(ref)})

    def parse_bulk_counts(self, response: HttpResponse) -> BulkAnswer:
        outcome, blame, code, text, data, *_rest = asked_of(response)
        if outcome is Outcome.ACCEPTED and not isinstance(data, dict):
            return BulkAnswer(Outcome.UNCLEAR, code="no_counts", text=text)
        return BulkAnswer(outcome, counts=counts_of(data), blame=blame, code=code, text=text)

    def build_recipients(self, ref: str, page: int) -> HttpRequest:
        return self._page("/api/report/recipients", page, self.per_page, {"bulk_id": _id(ref)})

    def parse_recipients(self, response: HttpResponse) -> Page[ListedRecipient]:
        return page_of(response, self.per_page, _recipient)

    def build_bulks(self, page: int) -> HttpRequest:
        return self._json("POST", "/api/report/new_list", {"page": page, "limit": self.per_page})

    def parse_bulks(self, response: HttpResponse) -> Page[ListedBulk]:
        return page_of(response, self.per_page, _listed_bulk)

    def build_cancel(self, ref: str) -> HttpRequest:
        return self._json("POST", "/api/send/cancel", {"message_outbox_id": int(_id(ref))})

    def parse_cancel(self, response: HttpResponse) -> CancelAnswer:
        verdict = asked_of(response)
        return CancelAnswer(verdict.outcome, verdict.blame, verdict.code, verdict.text)

    def build_inbox(self, page: int, after: str = "") -> HttpRequest:
        wanted: dict[str, Any] = {"page": page, "per_page": self.per_page}
        if after:
            wanted["filters"] = {"from_id": int(_id(after))}
        return self._json("POST", "/api/report/messages-inbox", wanted)

    def parse_inbox(self, response: HttpResponse) -> Page[Reply]:
        return page_of(response, self.per_page, _reply)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": self._credentials["token"], "Accept": "application/json"}

    def _page(self, path: str, page: int, per_page: int, wanted: Mapping[str, str] | None = None) -> HttpRequest:
        return self._get(path, {**(wanted or {}), "page": str(page), "per_page": str(per_page)})


def _params(audience: Audience) -> tuple[str, list[dict[str, Any]]]:
    """The kind of the send and its ``params``: job categories or phonebooks, never both in one request."""
    parts = (*audience.categories, *audience.phonebooks)
    if audience.categories and audience.phonebooks:
        raise InvalidJob("mixed_audience")
    if not 0 < len(parts) <= MAX_PARTS:
        raise InvalidJob("audience_parts")
    if audience.categories:
        return "job", [_category_param(part) for part in audience.categories]
    return "phonebook", [_phonebook_param(part) for part in audience.phonebooks]


def _category_param(part: CategoryPart) -> dict[str, Any]:
    param: dict[str, Any] = {"main_category_id": part.main}
    if part.sub is not None:
        param["sub_category_id"] = part.sub
    if part.operators:
        param["operator"] = [_operator_param(each) for each in part.operators]
    return param


def _operator_param(each: OperatorSlice) -> dict[str, int]:
    if each.id not in OPERATORS:
        raise InvalidJob("unknown_operator")
    return {**_slice(each.start, each.size), "id": each.id}


def _phonebook_param(part: PhonebooksPart | NumbersPart) -> dict[str, Any]:
    if not part.ids:
        raise InvalidJob("audience_parts")
    ids = [_id(each) for each in part.ids]
    if isinstance(part, NumbersPart):
        return {"phonebook_id": _id(part.phonebook), "type": "detail", "number_ids": ids}
    slice_ = {name: str(value) for name, value in _slice(part.start, part.size).items()}
    return {"phonebook_ids": ids, "type": "all", **slice_}


def _slice(start: int | None, size: int | None) -> dict[str, int]:
    if (start is not None and start < 0) or (size is not None and size < 1):
        raise InvalidJob("slice")
    return {name: value for name, value in (("start", start), ("size", size)) if value is not None}


def _id(ref: str) -> str:
    """An id of IPPanel's as it goes onto the wire: digits."""
    found = digits_of(ref)
    if not found:
        raise InvalidJob("not_an_id")
    return found


def _line(entry: dict[str, Any]) -> ListedLine | None:
    sender = word_of(entry.get("number"))
    part_size = 66 if whole_of(entry.get("is_66_char")) else 67
    return ListedLine(sender, text_of(entry.get("alias")), part_size) if sender else None


def _phonebook(entry: dict[str, Any]) -> ListedPhonebook | None:
    ref = digits_of(entry.get("id"))
    name = text_of(entry.get("title")) or text_of(entry.get("name"))
    return ListedPhonebook(ref, name, whole_of(entry.get("count")) or 0) if ref else None


def _number(entry: dict[str, Any]) -> ListedNumber | None:
    ref = digits_of(entry.get("id"))
    name = " ".join(filter(None, (text_of(entry.get("pre")), text_of(entry.get("name")))))
    return ListedNumber(ref, phone_of(entry.get("number")), name) if ref else None


def _category(entry: dict[str, Any]) -> ListedCategory | None:
    ref = digits_of(entry.get("id"))
    return ListedCategory(ref, text_of(entry.get("name")) or text_of(entry.get("title"))) if ref else None


def _bulk(entry: dict[str, Any]) -> BulkAnswer:
    code = word_of(entry.get("state_id"))
    counts = {name: count for name in ("rcpts_count", "exit_count") if (count := whole_of(entry.get(name))) is not None}
    return BulkAnswer(
        Outcome.ACCEPTED,
        STATES.get(code, BulkState.UNRECOGNISED),
        counts.get("rcpts_count"),
        rial_of(entry.get("cost")),
        counts,
        code=f"state-{code}" if code else "",
        text=text_of(entry.get("reject_comment")) or text_of(entry.get("status")),
    )


def _recipient(entry: dict[str, Any]) -> ListedRecipient:
    """A status that is not told yet leaves the message accepted."""
    code = word_of(entry.get("message_status"))
    report = REPORTS.get(code, Report.UNRECOGNISED) if code else Report.ACCEPTED
    return ListedRecipient(phone_of(entry.get("recipient")), report, code)


def _listed_bulk(entry: dict[str, Any]) -> ListedBulk | None:
    ref = digits_of(entry.get("messages_outbox_id"))
    if not ref:
        return None
    state = STATES.get(word_of(entry.get("state_id")), BulkState.UNRECOGNISED)
    sender, text = word_of(entry.get("number")), message_of(entry.get("message"))
    return ListedBulk(ref, sender, text, state, whole_of(entry.get("time")))


def _reply(entry: dict[str, Any]) -> Reply | None:
    ref, phone = digits_of(entry.get("messages_inbox_id")), phone_of(entry.get("from"))
    return Reply(ref, phone, word_of(entry.get("number")), message_of(entry.get("message"))) if ref else None
