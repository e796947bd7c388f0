"""What every backend must do. A backend's tests inherit one of the three suites below and fill in its tables.

:class:`ProviderContract` holds for every provider; :class:`BatchContract` adds what holds where one request takes many
recipients, :class:`KeepingContract` where the provider has them. The tables name the provider's own answers; the tests
here say what each must come to, whoever the provider is.
"""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple

import pytest

from providers.answers import Blame, Outcome, Report, StatusReport
from providers.audience import Audience
from providers.base import (
    HttpRequest,
    HttpResponse,
    InvalidJob,
    MalformedWebhook,
    Provider,
    ProviderError,
    Recipient,
    SendJob,
    WebhookCall,
)

SECRET = "very-secret-token-9f8e7d"
TEXT = "سلام، کد تخفیف ۴۰٪ شما: PAIZ40 🎉\nنیم‌فاصله و ي عربي\u200f لغو11"
HTML = b"<!doctype html><html><body><h1>502 Bad Gateway</h1></body></html>"


class AnswerCase(NamedTuple):
    """A whole answer to a send, and what the request then came to."""

    label: str
    response: HttpResponse
    outcome: Outcome
    blame: Blame | None = None
    code: str = ""


class EntryCase(NamedTuple):
    """One recipient's part of an accepted answer, and what he then came to."""

    label: str
    changes: dict[str, Any]
    outcome: Outcome
    report: Report | None = None


class WebhookCase(NamedTuple):
    """A webhook call and the reports in it; no reports: it must be refused as malformed."""

    label: str
    call: WebhookCall
    reports: Sequence[StatusReport] = ()


TABLES = {
    "answer_case": "answer_cases",
    "check_case": "check_cases",
    "entry_case": "entry_cases",
    "webhook_case": "webhook_cases",
}


class ProviderContract:
    """What holds for every provider. Subclasses set the class attributes and implement the hooks."""

    provider_class: ClassVar[type[Provider]]
    sender: ClassVar[str] = "90000123"  # of a line of this provider
    answer_cases: ClassVar[Sequence[AnswerCase]] = ()
    check_cases: ClassVar[Sequence[AnswerCase]] = ()
    webhook_cases: ClassVar[Sequence[WebhookCase]] = ()

    def accepting(self, job: SendJob) -> HttpResponse:
        """An answer that accepts the whole job; ids count from 1 where they are numbers."""
        raise NotImplementedError

    def texts_in(self, request: HttpRequest) -> list[str]:
        """The message texts that a send request carries."""
        raise NotImplementedError

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        for name, table in TABLES.items():
            if name in metafunc.fixturenames:
                cases = getattr(self, table)
                assert cases, f"{table} is empty"
                metafunc.parametrize(name, cases, ids=[case.label for case in cases])

    @pytest.fixture
    def provider(self) -> Provider:
        credentials = {each.name: SECRET for each in self.provider_class.credential_fields}
        return self.provider_class("https://provider.example/", credentials)

    @pytest.fixture
    def job(self) -> SendJob:
        """A job of three recipients, or of as many as a request takes."""
        size = min(3, self.provider_class.capabilities.max_recipients)
        return SendJob(self.sender, [Recipient(10 + n, f"+98912000000{n}") for n in range(size)], TEXT)

    # What it says of itself

    def test_its_lines_have_senders_that_it_knows(self, provider: Provider) -> None:
        assert provider.knows_sender(self.sender)
        assert not provider.knows_sender("")

    def test_a_text_longer_than_its_limit_is_objected_to(self, provider: Provider) -> None:
        most = provider.capabilities.max_text
        assert provider.objects_to("م" * (most or 4_000)) == ""
        assert provider.objects_to("م" * (most + 1)) == ("text_too_long" if most else "")

    # What goes out

    def test_the_text_goes_out_letter_for_letter(self, provider: Provider, job: SendJob) -> None:
        assert self.texts_in(provider.build_send(job)) == [TEXT]

    def test_a_request_goes_to_the_accounts_own_address(self, provider: Provider, job: SendJob) -> None:
        request = provider.build_send(job)
        assert request.method == "POST"
        assert request.url.startswith("https://provider.example/")
        assert SECRET in " ".join(request.headers.values())

    def test_an_empty_text_is_refused(self, provider: Provider, job: SendJob) -> None:
        with pytest.raises(InvalidJob):
            provider.build_send(replace(job, text=""))

    def test_a_job_for_nobody_is_refused(self, provider: Provider, job: SendJob) -> None:
        with pytest.raises(InvalidJob):
            provider.build_send(replace(job, recipients=[], audience=None))

    def test_half_a_character_is_refused_and_not_an_error_of_python(self, provider: Provider, job: SendJob) -> None:
        with pytest.raises(InvalidJob):
            provider.build_send(replace(job, text="\ud83d"))

    # What comes back

    def test_an_answer_comes_to_its_outcome(self, provider: Provider, job: SendJob, answer_case: AnswerCase) -> None:
        answer = provider.parse_send(job, answer_case.response)
        assert (answer.outcome, answer.blame, list(answer.results)) == (answer_case.outcome, answer_case.blame, [])
        if answer_case.code:
            assert answer.code == answer_case.code

    @pytest.mark.parametrize("status", [200, 201, 204, 301, 302, 500, 502, 503, 504, 599])
    @pytest.mark.parametrize(
        "body", [HTML, b"", b"null", b"[]", b"{}", b"[" * 100_000, b"\xff\xfe", b'{"a":' + b"9" * 5000]
    )
    def test_what_nobody_documented_is_unclear(
        self, provider: Provider, job: SendJob, status: int, body: bytes
    ) -> None:
        assert provider.parse_send(job, HttpResponse(status, body)).outcome is Outcome.UNCLEAR

    def test_a_truncated_answer_is_unclear_wherever_it_ends(self, provider: Provider, job: SendJob) -> None:
        body = self.accepting(job).body
        outcomes = {provider.parse_send(job, HttpResponse(200, body[:end])).outcome for end in range(len(body))}
        assert outcomes == {Outcome.UNCLEAR}

    def test_unknown_fields_change_nothing(self, provider: Provider, job: SendJob) -> None:
        plain, odd = self.accepting(job), _surprising(self.accepting(job))
        assert odd.body != plain.body
        assert provider.parse_send(job, odd) == provider.parse_send(job, plain)

    def test_a_test_of_the_connection_comes_to_its_outcome(self, provider: Provider, check_case: AnswerCase) -> None:
        found = provider.parse_check(check_case.response)
        assert (found.outcome, found.blame) == (check_case.outcome, check_case.blame)

    @pytest.mark.parametrize("body", [HTML, b"", b"null", b"[]", b"{", b"\xff\xfe"])
    def test_a_test_of_the_connection_bears_any_answer(self, provider: Provider, body: bytes) -> None:
        assert provider.parse_check(HttpResponse(200, body)).outcome is Outcome.UNCLEAR

    # Webhooks

    def test_a_webhook_call_is_read(self, provider: Provider, webhook_case: WebhookCase) -> None:
        if not webhook_case.reports:
            with pytest.raises(MalformedWebhook):
                provider.parse_webhook(webhook_case.call)
        else:
            assert provider.parse_webhook(webhook_case.call) == list(webhook_case.reports)

    @pytest.mark.parametrize("seed", range(20))
    def test_no_garbage_in_a_webhook_is_an_error_of_python(self, provider: Provider, seed: int) -> None:
        dice = random.Random(seed)
        types = ["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "\xff;;"]
        for _ in range(50):
            body = dice.choice([b"", b"{", b"[", b"--x\r\n", b"messageid=1&"]) + dice.randbytes(dice.randrange(60))
            call = WebhookCall(dice.choice(["GET", "POST"]), {}, dice.choice(types), body)
            try:
                provider.parse_webhook(call)
            except MalformedWebhook:
                continue

    # Secrets

    def test_no_secret_number_or_text_shows_in_a_repr(self, provider: Provider, job: SendJob) -> None:
        answer = provider.parse_send(job, self.accepting(job))
        shown = f"{provider!r} {job!r} {provider.build_send(job)!r} {self.accepting(job)!r} {answer!r}"
        assert all(hidden not in shown for hidden in (SECRET, "912000000", "PAIZ40"))

    def test_no_secret_number_or_text_shows_in_an_error_or_a_log(
        self, provider: Provider, job: SendJob, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        twice = [*job.recipients, *job.recipients]
        for broken in (replace(job, text=""), replace(job, recipients=twice), replace(job, sender="\n")):
            try:
                provider.build_send(broken)
            except ProviderError:
                logging.getLogger("test").exception("refused")
        assert "refused" in caplog.text
        assert all(hidden not in caplog.text for hidden in (SECRET, "912000000", "PAIZ40"))


class BatchContract(ProviderContract):
    """What holds besides where one request takes many recipients."""

    entry_cases: ClassVar[Sequence[EntryCase]] = ()

    def accepting(self, job: SendJob, entries: list[dict[str, Any]] | None = None) -> HttpResponse:
        """An answer that accepts the whole job, or one with these entries."""
        raise NotImplementedError

    def entries(self, job: SendJob) -> list[dict[str, Any]]:
        """The entries of an answer that accepts the whole job; ids count from 1."""
        raise NotImplementedError

    def test_personal_texts_go_out_letter_for_letter(self, provider: Provider, job: SendJob) -> None:
        personal = [each._replace(text=f"{TEXT} {each.key}") for each in job.recipients]
        request = provider.build_send(replace(job, text=None, recipients=personal))
        assert self.texts_in(request) == [each.text for each in personal]

    def test_a_number_twice_in_a_job_is_refused(self, provider: Provider, job: SendJob) -> None:
        twice = [*job.recipients, Recipient(99, job.recipients[0].phone)]
        with pytest.raises(InvalidJob):
            provider.build_send(replace(job, recipients=twice))

    def test_a_job_of_the_most_recipients_is_built(self, provider: Provider, job: SendJob) -> None:
        most = provider.capabilities.max_recipients
        provider.build_send(replace(job, recipients=_crowd(most)))

    def test_a_job_above_the_most_recipients_is_refused(self, provider: Provider, job: SendJob) -> None:
        most = provider.capabilities.max_recipients
        with pytest.raises(InvalidJob):
            provider.build_send(replace(job, recipients=_crowd(most + 1)))

    def test_every_recipient_of_an_accepting_answer_has_an_id(self, provider: Provider, job: SendJob) -> None:
        answer = provider.parse_send(job, self.accepting(job))
        assert answer.outcome is Outcome.ACCEPTED
        assert [(each.key, each.outcome, each.ref) for each in answer.results] == [
            (each.key, Outcome.ACCEPTED, str(place)) for place, each in enumerate(job.recipients, 1)
        ]

    def test_an_entry_comes_to_its_outcome(self, provider: Provider, job: SendJob, entry_case: EntryCase) -> None:
        entries = self.entries(job)
        entries[0].update(entry_case.changes)
        first, *others = provider.parse_send(job, self.accepting(job, entries)).results
        assert (first.outcome, first.report) == (entry_case.outcome, entry_case.report)
        assert {each.outcome for each in others} == {Outcome.ACCEPTED}

    def test_the_order_of_entries_does_not_matter(self, provider: Provider, job: SendJob) -> None:
        entries = self.entries(job)
        random.Random(7).shuffle(entries)
        assert provider.parse_send(job, self.accepting(job, entries)) == provider.parse_send(job, self.accepting(job))

    def test_who_has_no_entry_is_unclear(self, provider: Provider, job: SendJob) -> None:
        answer = provider.parse_send(job, self.accepting(job, self.entries(job)[1:]))
        assert [each.outcome for each in answer.results] == [Outcome.UNCLEAR, Outcome.ACCEPTED, Outcome.ACCEPTED]
        assert answer.anomalies == {"missing_recipient": 1}


class SingleCase(NamedTuple):
    """A whole answer to a send of one recipient, and what he then came to."""

    label: str
    response: HttpResponse
    outcome: Outcome
    code: str = ""
    off_channel: bool = False


TABLES["single_case"] = "single_cases"


class SingleContract(ProviderContract):
    """What holds besides where one request takes one recipient."""

    single_cases: ClassVar[Sequence[SingleCase]] = ()

    def test_two_recipients_in_a_job_are_refused(self, provider: Provider, job: SendJob) -> None:
        with pytest.raises(InvalidJob):
            provider.build_send(replace(job, recipients=_crowd(2)))

    def test_a_personal_text_goes_out_letter_for_letter(self, provider: Provider, job: SendJob) -> None:
        personal = [each._replace(text=f"{TEXT} {each.key}") for each in job.recipients]
        request = provider.build_send(replace(job, text=None, recipients=personal))
        assert self.texts_in(request) == [f"{TEXT} 10"]

    def test_the_recipient_of_an_accepting_answer_has_an_id(self, provider: Provider, job: SendJob) -> None:
        [result] = provider.parse_send(job, self.accepting(job)).results
        assert (result.key, result.outcome) == (10, Outcome.ACCEPTED)
        assert result.ref

    def test_a_recipient_comes_to_his_outcome(self, provider: Provider, job: SendJob, single_case: SingleCase) -> None:
        answer = provider.parse_send(job, single_case.response)
        [result] = answer.results
        assert (answer.outcome, result.outcome) == (Outcome.ACCEPTED, single_case.outcome)
        assert (result.code, result.off_channel) == (single_case.code, single_case.off_channel)


class KeepingContract(ProviderContract):
    """What holds besides where the provider keeps the recipients. ``audience`` is what the jobs name."""

    audience: ClassVar[Audience]

    @pytest.fixture
    def job(self) -> SendJob:
        return SendJob(self.sender, [], TEXT, audience=self.audience)

    def test_recipients_of_ours_are_refused(self, provider: Provider, job: SendJob) -> None:
        with pytest.raises(InvalidJob):
            provider.build_send(replace(job, recipients=_crowd(1)))

    def test_an_accepted_job_has_the_ids_of_its_bulks(self, provider: Provider, job: SendJob) -> None:
        answer = provider.parse_send(job, self.accepting(job))
        assert (answer.outcome, list(answer.refs), list(answer.results)) == (Outcome.ACCEPTED, ["1"], [])


def _surprising(response: HttpResponse) -> HttpResponse:
    """The same answer with fields that nobody documented, at every level."""
    return replace(response, body=json.dumps(_with_surprise(json.loads(response.body))).encode())


def _with_surprise(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_surprise(each) for each in value]
    if isinstance(value, dict):
        return {key: _with_surprise(each) for key, each in value.items()} | {"surprise": {"deep": [1, None]}}
    return value


def _crowd(size: int) -> list[Recipient]:
    return [Recipient(key, f"+98912{key:07d}") for key in range(size)]
