"""The recipients of old campaigns are removed, their figures stay, and nobody is chosen or left out by them."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from campaigns import drafting, lifecycle, pruning, reporting, segmenting
from campaigns.lifecycle import NotAllowed
from campaigns.models import (
    Attempt,
    AudienceRule,
    AuditEntry,
    Batch,
    Campaign,
    DeliveryEvent,
    Message,
    ProviderRef,
    Segment,
)
from campaigns.states import CampaignStatus, MessageStatus
from providers.sandbox import Sandbox
from tests import builders

pytestmark = pytest.mark.django_db(transaction=True)


def ended(sandbox: Sandbox, size: int = 22, days: int = 100, **fields: object) -> Campaign:
    """A campaign that ended so many days ago, with an attempt at its first message and a report of then."""
    first = Campaign.objects.count() * 1000
    over = builders.line(builders.account(sandbox, name=f"of {first}", batch_size=10))
    book = builders.phonebook(builders.contacts(size, first), name=f"book {first}")
    campaign = builders.running(over, builders.include(book))
    builders.send_all(campaign)
    campaign = builders.refreshed(campaign)
    then = timezone.now() - dt.timedelta(days=days)
    Campaign.objects.filter(pk=campaign.pk).update(finished_at=then, **fields)
    Attempt.objects.create(message_id=campaign.first_message_id or 0, line=over)
    DeliveryEvent.objects.create(
        account=over.account, provider_ref="1", report="sent", code="4", received_at=then, result=1
    )
    return builders.refreshed(campaign)


def test_the_messages_go_and_the_figures_stay(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "CHUNK", 7)
    old, young = ended(sandbox), ended(sandbox, days=10)
    before = reporting.accounting(old)
    assert pruning.prune(90) == (1, 22, 1, 1, 0)
    assert not Message.objects.of(old).exists()
    assert Message.objects.of(young).count() == 22
    assert (Attempt.objects.count(), DeliveryEvent.objects.count()) == (1, 1)
    assert Batch.objects.filter(campaign=old).count() == 3
    assert ProviderRef.objects.count() == 22  # of the young one
    assert reporting.accounting(builders.refreshed(old)) == before
    assert AuditEntry.objects.get(action="pruned").campaign_id == old.pk
    assert builders.counts(old) == {"accepted": 22}


def test_a_run_that_was_cut_off_is_taken_up_and_a_second_one_finds_nothing(sandbox: Sandbox) -> None:
    old = ended(sandbox)
    Campaign.objects.filter(pk=old.pk).update(pruned_at=timezone.now())
    Message.objects.of(old).filter(batch_number__lt=2).delete()
    assert pruning.prune(90)[:2] == (1, 10)
    assert not Message.objects.of(old).exists()
    assert pruning.prune(90) == (0, 0, 0, 0, 0)


def test_a_dry_run_counts_and_removes_nothing(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    old = ended(sandbox)
    call_command("prune", "--older-than", "90", "--dry-run", "--json")
    assert json.loads(capsys.readouterr().out) == {
        "campaigns": 1,
        "messages": 22,
        "attempts": 0,
        "events": 1,
        "kept": 0,
    }
    assert Message.objects.of(old).count() == 22
    assert builders.refreshed(old).pruned_at is None


def test_what_is_unclear_running_or_named_by_a_draft_is_kept(sandbox: Sandbox) -> None:
    ended(sandbox, status=CampaignStatus.PAUSED)
    doubtful, named = ended(sandbox), ended(sandbox)
    message = Message.objects.of(doubtful).first()
    assert message is not None
    Message.objects.filter(pk=message.pk).update(status=MessageStatus.UNKNOWN)
    doubtful.counts.create(status=MessageStatus.UNKNOWN, messages=1)
    rule = AudienceRule(kind=AudienceRule.Kind.CAMPAIGN, rule=AudienceRule.Rule.EXCLUDE, source=named)
    book = builders.phonebook(builders.contacts(1, 9000), name="others")
    builders.draft(named.line, builders.include(book), rule)
    assert pruning.prune(90)[:2] == (0, 0)
    assert pruning.plan(90).kept == 2


def test_a_draft_that_leaves_out_recipients_who_are_gone_does_not_go_out(sandbox: Sandbox) -> None:
    old = ended(sandbox)
    pruning.prune(90)
    rule = AudienceRule(kind=AudienceRule.Kind.CAMPAIGN, rule=AudienceRule.Rule.EXCLUDE, source=builders.refreshed(old))
    book = builders.phonebook(builders.contacts(1, 9000), name="others")
    campaign = builders.draft(old.line, builders.include(book))
    rule.campaign = campaign
    rule.save()
    with pytest.raises(NotAllowed, match="Nowruz"):
        lifecycle.launch(campaign.pk)


def not_written_to_in(campaign: Campaign) -> AudienceRule:
    """Those of a segment: who was not written to in this campaign."""
    condition = {"field": "campaign", "test": "not_received", "value": campaign.pk}
    segment = Segment.objects.create(name="new ones", conditions=segmenting.checked({"conditions": [condition]}))
    return AudienceRule(kind=AudienceRule.Kind.SEGMENT, segment=segment)


def test_the_recipients_that_a_segment_of_a_draft_asks_for_are_kept(sandbox: Sandbox) -> None:
    old = ended(sandbox)
    builders.contacts(1, 9000)
    builders.draft(old.line, not_written_to_in(old))
    assert pruning.prune(90)[:2] == (0, 0)
    assert pruning.plan(90).kept == 1


def test_a_segment_of_recipients_who_are_gone_chooses_nobody(sandbox: Sandbox) -> None:
    old = ended(sandbox)
    rule = not_written_to_in(old)
    pruning.prune(90)
    with pytest.raises(drafting.InvalidDraft, match="Nowruz"):
        builders.draft(old.line, rule)


def test_nothing_that_may_still_be_reported_on_can_be_removed() -> None:
    with pytest.raises(CommandError, match="30"):
        call_command("prune", "--older-than", "29")


def test_its_page_shows_the_figures_and_says_that_the_recipients_were_removed(
    sandbox: Sandbox, admin_client: Client
) -> None:
    admin_client.cookies["django_language"] = "en"
    old = ended(sandbox)
    assert "The recipients were removed on" not in admin_client.get(old.get_absolute_url()).content.decode()
    pruning.prune(90)
    page = admin_client.get(old.get_absolute_url()).content.decode()
    assert "The recipients were removed on" in page
    assert 'data-number="22"' in page
