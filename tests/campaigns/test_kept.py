"""Campaigns whose recipients the provider keeps: IPPanel through the engine, over real sockets."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from campaigns import checking, drafting, lifecycle
from campaigns.delivery import bulks
from campaigns.models import AudienceRule, Batch, Bulk, Campaign, Message
from campaigns.sending import dispatch, kept
from campaigns.states import CampaignStatus, MessageStatus
from contacts.models import Suppression
from providers.keeping import KeepingProvider
from providers.models import ProviderAccount, SenderLine
from providers.sandbox import Sandbox
from tests import builders
from tests.campaigns import lines

pytestmark = pytest.mark.django_db(transaction=True)

BOOK = {"phonebooks": ["123654"], "start": 1, "size": 20}
CHOSEN = {"phonebook": "456987", "numbers": ["123", "456", "789"]}
CATEGORIES = (
    {"main": 1, "sub": 1, "operators": [{"id": 2, "start": 0, "size": 7}, {"id": 13, "start": 1, "size": 2}]},
    {"main": 1, "sub": 2, "operators": [{"id": 2, "start": 0, "size": 4}]},
)


@pytest.fixture
def sandbox(sandbox: Sandbox) -> Sandbox:
    sandbox.behaviour.sent_after = sandbox.behaviour.final_after = 0.0
    return sandbox


@pytest.fixture
def ippanel(sandbox: Sandbox) -> SenderLine:
    return lines.line("ippanel", sandbox)


def rule(params: dict[str, Any]) -> AudienceRule:
    return AudienceRule(kind=AudienceRule.Kind.PROVIDER, params=params)


def sent(over: SenderLine, *params: dict[str, Any], **fields: Any) -> Campaign:
    campaign = builders.running(over, *map(rule, params), **fields)
    builders.send_all(campaign)
    return builders.refreshed(campaign)


def look(campaign: Campaign, rounds: int = 1) -> Campaign:
    """Follow the campaign's bulks, as the tick does when their time has come."""
    for _ in range(rounds):
        for pk in Bulk.objects.filter(batch__campaign=campaign, poll_at__isnull=False).values_list("pk", flat=True):
            Bulk.objects.filter(pk=pk).update(poll_at=timezone.now() - dt.timedelta(seconds=1))
            bulks.follow(pk)
    lifecycle.finish(campaign.pk)
    return builders.refreshed(campaign)


def test_a_phonebook_of_the_provider_is_one_request_and_its_people_become_rows(
    sandbox: Sandbox, ippanel: SenderLine
) -> None:
    campaign = sent(ippanel, BOOK)
    assert builders.counts(campaign) == {"accepted": 20}
    assert campaign.status == CampaignStatus.RUNNING
    assert not Message.objects.exists()
    [taken] = sandbox.ledger.taken
    assert (taken.provider, taken.texts, len(taken.phones)) == ("ippanel", ["سلام"], 20)
    campaign = look(campaign)
    assert builders.counts(campaign) == {"delivered": 20}
    assert {f"+{phone}" for phone in taken.phones} == set(Message.objects.values_list("phone", flat=True))
    assert campaign.status == CampaignStatus.COMPLETED
    assert sandbox.ledger.departures == {}


@pytest.mark.parametrize(("params", "size"), [((CHOSEN,), 3), (CATEGORIES, 13), ((BOOK, CHOSEN), 23)])
def test_every_kind_of_audience_goes_out(
    sandbox: Sandbox, ippanel: SenderLine, params: tuple[dict[str, Any], ...], size: int
) -> None:
    campaign = sent(ippanel, *params)
    assert builders.counts(campaign) == {"accepted": size}
    campaign = look(campaign)
    assert sum(builders.counts(campaign).values()) == len(sandbox.ledger.taken[0].phones)
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL
    assert sandbox.ledger.departures == {}


def test_the_batch_keeps_the_outbox_id(sandbox: Sandbox, ippanel: SenderLine) -> None:
    campaign = sent(ippanel, CHOSEN)
    bulk = Bulk.objects.get(batch__campaign=campaign)
    assert bulk.provider_ref == str(sandbox.ledger.taken[0].first_id)


@pytest.mark.parametrize(
    ("state", "name", "status"),
    [(3, "rejected", "failed"), (4, "invalid", "failed"), (8, "unfunded", "failed"), (9, "broken", "failed")],
)
def test_a_request_that_was_accepted_can_still_end_unsent(
    sandbox: Sandbox, ippanel: SenderLine, state: int, name: str, status: str
) -> None:
    sandbox.behaviour.bulk_ends = state
    campaign = look(sent(ippanel, BOOK))
    assert builders.counts(campaign) == {status: 20}
    assert campaign.status == CampaignStatus.COMPLETED_WITH_PROBLEMS
    bulk = Bulk.objects.get()
    assert (bulk.state, bulk.code, bulk.poll_at) == (name, f"state-{state}", None)


def test_a_bulk_that_waits_for_approval_keeps_the_campaign_open(sandbox: Sandbox, ippanel: SenderLine) -> None:
    sandbox.behaviour.bulk_ends = 1
    campaign = look(sent(ippanel, BOOK), rounds=2)
    assert campaign.status == CampaignStatus.RUNNING
    assert Bulk.objects.get().state == "awaiting_approval"
    sandbox.behaviour.bulk_ends = 6
    assert look(campaign).status == CampaignStatus.COMPLETED


def test_statuses_are_asked_for_until_they_are_final(sandbox: Sandbox, ippanel: SenderLine) -> None:
    campaign = sent(ippanel, BOOK)
    provider = kept.provider_of(ippanel.account)
    Bulk.objects.update(state="sent")
    sandbox.behaviour.shares = {"11": 0.5}
    look(campaign, rounds=2)
    counts = builders.counts(campaign)
    assert counts["delivered"] + counts["undelivered"] == 20
    assert Bulk.objects.get().poll_at is None
    assert provider.capabilities.keeps_audience


def test_recipients_come_in_pages_and_a_lost_page_is_asked_for_again(
    sandbox: Sandbox, ippanel: SenderLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(KeepingProvider, "per_page", 6)
    campaign = sent(ippanel, BOOK)
    sandbox.faults.add("html", "ippanel_recipients", ordinals=[3])
    look(campaign)
    assert Message.objects.count() == 12
    assert Batch.objects.get().unlisted == 8
    assert builders.counts(campaign) == {"delivered": 12, "accepted": 8}
    look(campaign)
    assert builders.counts(campaign) == {"delivered": 20}


def test_people_in_two_phonebooks_count_once_when_the_report_comes(sandbox: Sandbox, ippanel: SenderLine) -> None:
    campaign = sent(ippanel, {"phonebooks": ["123654", "456987"]})
    foretold = campaign.audience or 0
    campaign = look(campaign)
    there = len(sandbox.ledger.taken[0].phones)
    assert (campaign.audience, sum(builders.counts(campaign).values())) == (there, there)
    assert there <= foretold


def test_a_lost_answer_makes_the_whole_request_unclear_and_it_is_not_repeated(
    sandbox: Sandbox, ippanel: SenderLine
) -> None:
    sandbox.faults.add("close_after_accept", "ippanel_send")
    campaign = sent(ippanel, BOOK)
    assert builders.counts(campaign) == {"unknown": 20}
    dispatch.work(campaign.pk, 1)
    assert len(sandbox.ledger.taken) == 1
    lifecycle.count_as_sent(campaign.pk)
    assert builders.counts(campaign) == {"accepted": 20}


def test_what_is_sent_again_on_the_operators_word_goes_out(sandbox: Sandbox, ippanel: SenderLine) -> None:
    sandbox.faults.add("500", "ippanel_send", times=1, taken=False)
    campaign = sent(ippanel, BOOK)
    assert builders.counts(campaign) == {"unknown": 20}
    lifecycle.send_again(campaign.pk)
    assert builders.counts(campaign) == {"pending": 20}
    builders.send_all(campaign)
    assert builders.counts(look(campaign)) == {"delivered": 20}


def test_the_identical_request_within_forty_seconds_is_unclear(sandbox: Sandbox, ippanel: SenderLine) -> None:
    sent(ippanel, CHOSEN)
    again = sent(ippanel, CHOSEN)
    assert builders.counts(again) == {"unknown": 3}
    assert len(sandbox.ledger.taken) == 1


def test_a_bad_token_opens_the_breaker_and_everything_stays_pending(sandbox: Sandbox, ippanel: SenderLine) -> None:
    sandbox.faults.add("bad_token", "ippanel_send")
    campaign = sent(ippanel, BOOK)
    assert builders.counts(campaign) == {"pending": 20}
    assert ProviderAccount.objects.get().breaker == "open"


def test_a_refused_field_is_shown_at_its_name(sandbox: Sandbox, ippanel: SenderLine) -> None:
    sandbox.faults.add("bad_request", "ippanel_send")
    campaign = sent(ippanel, BOOK)
    assert builders.counts(campaign) == {"failed": 20}
    assert campaign.status == CampaignStatus.COMPLETED_WITH_PROBLEMS
    assert "\nmessage: " in Batch.objects.get().words


def test_a_count_that_the_provider_does_not_tell_sends_it_back_to_the_drafts(
    sandbox: Sandbox, ippanel: SenderLine
) -> None:
    campaign = builders.draft(ippanel, rule({"phonebooks": ["999"]}))
    lifecycle.launch(campaign.pk)
    lifecycle.prepare(campaign.pk)
    campaign = builders.refreshed(campaign)
    assert (campaign.status, campaign.pause_code) == (CampaignStatus.DRAFT, "no_such_phonebook")


def test_a_cancelled_campaign_that_has_not_gone_out_is_cancelled_whole(ippanel: SenderLine) -> None:
    campaign = builders.running(ippanel, rule(BOOK))
    lifecycle.cancel(campaign.pk)
    assert builders.counts(campaign) == {"cancelled": 20}


def test_a_quote_has_the_count_and_the_price(sandbox: Sandbox, ippanel: SenderLine) -> None:
    campaign = builders.draft(ippanel, *map(rule, CATEGORIES))
    quote = kept.quote(campaign)
    assert (quote.recipients, quote.by_operator) == (13, {2: 11, 13: 2})
    assert quote.least is not None
    assert quote.least == quote.most
    unknown = kept.quote(builders.draft(ippanel, rule(BOOK)))
    assert (unknown.recipients, unknown.by_operator) == (20, {0: 20})


def test_a_suppression_of_ours_is_told_from_their_report_alone(sandbox: Sandbox, ippanel: SenderLine) -> None:
    sandbox.behaviour.shares = {"14": 1.0}
    campaign = look(sent(ippanel, CHOSEN))
    assert builders.counts(campaign) == {"blocked": 3}
    assert Suppression.objects.filter(scope="advertising").count() == 3


@pytest.mark.parametrize(
    ("params", "text", "problems"),
    [
        ([BOOK, CATEGORIES[0]], "سلام", 1),
        ([BOOK], "سلام {first_name}", 1),
        ([BOOK], "م" * 1401, 1),
        ([BOOK], "سلام", 0),
    ],
)
def test_what_one_request_cannot_be_is_said_before(
    ippanel: SenderLine, params: list[dict[str, Any]], text: str, problems: int
) -> None:
    found = checking.audience_problems(ippanel, list(map(rule, params)))
    found += checking.line_problems(ippanel, text)
    assert len(found) == problems


def test_people_of_ours_cannot_go_out_over_it(ippanel: SenderLine) -> None:
    ours = builders.include(builders.phonebook(builders.contacts(1)))
    with pytest.raises(drafting.InvalidDraft):
        builders.draft(ippanel, ours)
    with pytest.raises(drafting.InvalidDraft):
        builders.draft(lines.line("najva"), rule(BOOK))


def test_waiting_for_the_provider_does_not_hold_a_transaction(
    sandbox: Sandbox, ippanel: SenderLine, settings: Settings
) -> None:
    settings.SEND_READ_TIMEOUT = 0.2
    sandbox.faults.add("slow", "ippanel_count", seconds=1)
    campaign = builders.draft(ippanel, *map(rule, CATEGORIES))
    lifecycle.launch(campaign.pk)
    lifecycle.prepare(campaign.pk)
    assert builders.refreshed(campaign).pause_code == "read_timeout"
    assert not Message.objects.filter(status=MessageStatus.PENDING).exists()


def scheduled(over: SenderLine, hours: float = 3.0) -> Campaign:
    """A campaign whose time the provider keeps."""
    at = timezone.now() + dt.timedelta(hours=hours)
    return builders.running(over, rule(BOOK), scheduled_at=at, provider_keeps_time=True)


def test_a_time_that_the_provider_keeps_goes_along(sandbox: Sandbox, ippanel: SenderLine) -> None:
    campaign = scheduled(ippanel)
    builders.send_all(campaign)
    assert builders.counts(campaign) == {"accepted": 20}
    due = sandbox.ledger.taken[0].facts["due"]
    assert due == pytest.approx((campaign.scheduled_at or timezone.now()).timestamp(), abs=1)
    assert look(campaign, rounds=2).status == CampaignStatus.RUNNING


def test_a_bulk_that_waits_for_its_time_is_looked_at_again_when_it_has_come(
    sandbox: Sandbox, ippanel: SenderLine
) -> None:
    campaign = scheduled(ippanel)
    builders.send_all(campaign)
    look(campaign, rounds=6)
    next_look = Bulk.objects.get().poll_at
    assert next_look is not None
    assert campaign.scheduled_at is not None
    assert dt.timedelta(0) < next_look - campaign.scheduled_at < dt.timedelta(minutes=1)


def test_a_scheduled_bulk_is_cancelled_at_the_provider(sandbox: Sandbox, ippanel: SenderLine) -> None:
    campaign = scheduled(ippanel)
    builders.send_all(campaign)
    lifecycle.cancel(campaign.pk)
    bulks.cancel(campaign.pk)
    assert look(campaign).status == CampaignStatus.CANCELLED
    assert builders.counts(campaign) == {"cancelled": 20}


def test_a_time_too_near_for_the_provider_is_kept_here(sandbox: Sandbox, ippanel: SenderLine) -> None:
    campaign = scheduled(ippanel)
    Campaign.objects.update(scheduled_at=timezone.now() + dt.timedelta(minutes=4))
    assert dispatch.work(campaign.pk, 1) == "too_late_to_schedule"
    assert not sandbox.ledger.taken
    Campaign.objects.update(scheduled_at=timezone.now() - dt.timedelta(seconds=1))
    builders.send_all(campaign)
    assert "due" not in sandbox.ledger.taken[0].facts or sandbox.ledger.taken[0].facts["due"] == 0


def test_only_a_provider_with_a_clock_keeps_times(ippanel: SenderLine) -> None:
    soon, late = timezone.now() + dt.timedelta(minutes=2), timezone.now() + dt.timedelta(days=100)
    for at in (None, soon, late):
        assert len(checking.schedule_problems(ippanel, at)) == 1
    assert len(checking.schedule_problems(lines.line("najva"), timezone.now() + dt.timedelta(hours=1))) == 1
    assert not checking.schedule_problems(ippanel, timezone.now() + dt.timedelta(hours=1))
