"""A campaign's own pace: so many messages a minute, whoever sends them."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from campaigns import ringing
from campaigns.drafting import InvalidDraft
from campaigns.models import Batch, Campaign
from campaigns.sending import dispatch
from campaigns.sending.claiming import Claim, Wait, claim
from providers.sandbox import Sandbox
from tests import builders
from tests.campaigns import lines
from tests.parallel import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def test_batches_are_at_most_a_minutes_worth(sandbox: Sandbox) -> None:
    campaign = builders.campaign_of(sandbox, 32, messages_per_minute=6)
    assert set(Batch.objects.filter(campaign=campaign).values_list("size", flat=True)) == {2, 6}


def test_the_next_batch_waits_for_its_turn_and_the_tick_knows(sandbox: Sandbox) -> None:
    campaign = builders.campaign_of(sandbox, 32, messages_per_minute=6)
    assert dispatch.work(campaign.pk, 5) == "campaign_pace"
    assert builders.counts(campaign) == {"accepted": 2, "pending": 30}
    wait = claim(campaign.pk, "me")
    assert isinstance(wait, Wait)
    assert wait.seconds is not None
    assert 15 < wait.seconds <= 20  # two messages at six a minute
    assert ringing.sendable() == []
    builders.time_passes()
    assert ringing.sendable() == [campaign.pk]


def test_workers_share_the_pace(sandbox: Sandbox) -> None:
    campaign = builders.campaign_of(sandbox, 32, messages_per_minute=6)
    dispatch.work(campaign.pk, 5)
    builders.time_passes()
    found = at_once(lambda: claim(campaign.pk, "me"), 4)
    assert sum(isinstance(each, Claim) for each in found) == 1


def test_a_pace_that_was_lowered_cuts_the_batches_that_are_there(sandbox: Sandbox) -> None:
    campaign = builders.campaign_of(sandbox, 32)
    dispatch.work(campaign.pk, 0.01)
    Campaign.objects.update(messages_per_minute=4)
    found = claim(campaign.pk, "me")
    assert isinstance(found, Claim)
    assert found.batch.pending == 4
    following = builders.refreshed(campaign).next_batch_at
    assert following is not None
    assert dt.timedelta(seconds=50) < following - timezone.now() <= dt.timedelta(seconds=60)


def test_all_of_it_goes_out_in_the_end(sandbox: Sandbox) -> None:
    campaign = builders.campaign_of(sandbox, 14, messages_per_minute=4)
    for _ in range(5):
        builders.send_all(campaign)
        builders.time_passes()
    assert builders.counts(campaign) == {"accepted": 14}
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL


def test_a_provider_that_keeps_the_recipients_takes_no_pace(sandbox: Sandbox) -> None:
    rule = builders.include(builders.phonebook(builders.contacts(1)))
    with pytest.raises(InvalidDraft, match=r"سرعت"):
        builders.draft(lines.line("ippanel", sandbox), rule, messages_per_minute=5)


def test_a_turn_that_a_clock_gave_before_it_was_set_back_holds_nothing_up(sandbox: Sandbox) -> None:
    campaign = builders.campaign_of(sandbox, 12, messages_per_minute=6)
    Campaign.objects.update(next_batch_at=timezone.now() + dt.timedelta(days=1))
    assert isinstance(claim(campaign.pk, "me"), Claim)


@pytest.mark.parametrize("pace", ["0", "-5", "1000001"])
def test_a_pace_that_is_none_is_refused_by_the_command(pace: str) -> None:
    sender, book = builders.line(builders.account()).sender, builders.phonebook(builders.contacts(1)).name
    with pytest.raises(CommandError, match=r"1[,٬]000[,٬]000|۱٬۰۰۰٬۰۰۰"):
        call_command(
            *("campaign", "create", "--name", "a", "--line", sender, "--text", "سلام"),
            *("--phonebook", book, "--per-minute", pace),
        )
    assert not Campaign.objects.exists()
