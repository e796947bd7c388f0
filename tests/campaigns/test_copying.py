"""A campaign as the beginning of another: its copy, and a further try at those whom it did not reach."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
from django.utils import timezone

from campaigns import copying, lifecycle
from campaigns.drafting import InvalidDraft
from campaigns.models import AuditEntry, Campaign, Message
from campaigns.querysets import Move
from campaigns.states import CampaignStatus, MessageStatus
from providers.models import Tariff
from providers.sandbox import Sandbox
from tests import builders
from tests.campaigns import lines
from tests.campaigns.screens import campaign_in
from tests.parallel import at_once

pytestmark = pytest.mark.django_db(transaction=True)
M = MessageStatus
ENDS = [M.DELIVERED, M.UNDELIVERED, M.UNDELIVERED, M.BLOCKED, M.FAILED, M.CANCELLED, M.UNKNOWN, M.ACCEPTED]


@pytest.fixture
def ended(sandbox: Sandbox) -> Campaign:
    """A completed campaign of eight messages, which came to ``ENDS``."""
    campaign = builders.campaign_of(sandbox, len(ENDS))
    builders.send_all(campaign)
    come_to(campaign, ENDS)
    lifecycle.finish(campaign.pk)
    return builders.refreshed(campaign)


def come_to(campaign: Campaign, ends: list[MessageStatus]) -> None:
    """Let a campaign's accepted messages, in their order, come to these statuses."""
    keys = Message.objects.of(campaign).order_by("pk").values_list("pk", flat=True)
    for key, status in zip(list(keys), ends, strict=True):
        if status is M.UNKNOWN:  # no report leads there
            Message.objects.filter(pk=key).update(status=status)
            campaign.counts.filter(status=M.ACCEPTED).update(messages=1)
            campaign.counts.update_or_create(status=status, defaults={"messages": 1})
        elif status is not M.ACCEPTED:
            Message.objects.move([Move(key, status)], campaign_id=campaign.pk, old=M.ACCEPTED)


@pytest.mark.parametrize("status", CampaignStatus)
def test_a_campaign_in_any_status_can_be_copied(status: CampaignStatus) -> None:
    source = campaign_in(status)
    made = copying.clone(source.pk)
    assert (made.status, made.made_from_id, made.composed_to) == (CampaignStatus.DRAFT, source.pk, "audience")
    assert (made.text, made.line_id, made.name) == (source.text, source.line_id, copying.name_of_copy(source))
    assert [rule.phonebook for rule in made.rules.all()] == [rule.phonebook for rule in source.rules.all()]
    assert set(made.rules.values_list("pk")).isdisjoint(source.rules.values_list("pk"))


def test_a_copy_keeps_the_course_and_no_time_that_has_passed(sandbox: Sandbox) -> None:
    facts = {"messages_per_minute": 60, "cap_messages": 2, "cap_days": 7, "sample_size": 4, "pilot_size": 2}
    source = campaign_in(CampaignStatus.DRAFT)
    past, ahead = timezone.now() - dt.timedelta(hours=1), timezone.now() + dt.timedelta(hours=1)
    Campaign.objects.filter(pk=source.pk).update(scheduled_at=past, expires_at=ahead, provider_keeps_time=True, **facts)
    made = copying.clone(source.pk, name=" Spring ")
    assert {name: getattr(made, name) for name in facts} == facts
    assert (made.scheduled_at, made.expires_at, made.provider_keeps_time) == (None, ahead, False)
    assert (made.name, made.pilot_released_at, made.revision, made.is_test) == ("Spring", None, 0, False)


def test_a_copy_with_rules_that_mean_nothing_any_more_is_made_and_cannot_go_out(ended: Campaign) -> None:
    second = copying.again(ended.pk, copying.TRIED_AGAIN)
    Campaign.objects.filter(pk=ended.pk).update(pruned_at=timezone.now())
    made = copying.clone(second.pk)
    Campaign.objects.filter(pk=made.pk).update(composed_to="review")
    with pytest.raises(lifecycle.NotAllowed):
        lifecycle.launch(made.pk)


@pytest.mark.parametrize("make", ["clone", "again"])
def test_a_form_that_is_sent_twice_makes_one_draft(ended: Campaign, make: str) -> None:
    token = uuid.uuid4()
    arguments = (ended.pk,) if make == "clone" else (ended.pk, ["failed"])
    made = at_once(lambda: getattr(copying, make)(*arguments, form_token=token), 3)
    assert len({each.pk for each in made}) == 1
    assert Campaign.objects.count() == 2
    assert AuditEntry.objects.filter(campaign=ended, action__in=["cloned", "tried_again"]).count() == 1


def test_the_counts_leave_out_who_blocks_who_is_unclear_and_who_may_get_it_yet(ended: Campaign) -> None:
    assert copying.unreached(ended) == {"not_delivered": 2, "failed": 1, "cancelled": 1, "expired": 0}


def test_a_further_try_goes_to_the_ticked_alone(sandbox: Sandbox, ended: Campaign) -> None:
    made = copying.again(ended.pk, ["not_delivered", "cancelled"])
    assert [rule.params["outcome"] for rule in made.rules.all()] == ["not_delivered", "cancelled"]
    assert made.text == ended.text
    launch(made)
    assert sent_to(made) == {builders.phone(n) for n in (1, 2, 5)}


def test_a_further_try_at_everybody_is_one_rule(ended: Campaign) -> None:
    made = copying.again(ended.pk, copying.TRIED_AGAIN)
    assert [rule.params for rule in made.rules.all()] == [{"outcome": "unreached"}]
    launch(made)
    assert sent_to(made) == {builders.phone(n) for n in (1, 2, 4, 5)}


def test_who_was_reached_meanwhile_drops_out(ended: Campaign) -> None:
    made = copying.again(ended.pk, copying.TRIED_AGAIN)
    late = Message.objects.of(ended).get(phone=builders.phone(2))
    move = [Move(late.pk, M.DELIVERED)]
    Message.objects.move(move, campaign_id=ended.pk, old=M.UNDELIVERED, corrects=True)
    launch(made)
    assert sent_to(made) == {builders.phone(n) for n in (1, 4, 5)}


def test_who_was_cancelled_before_it_went_out_gets_it_once(sandbox: Sandbox) -> None:
    campaign = builders.campaign_of(sandbox, 5)
    lifecycle.cancel(campaign.pk)
    made = copying.again(campaign.pk, ["cancelled"])
    launch(made)
    builders.send_all(made)
    assert set(sandbox.ledger.acceptances().values()) == {1}
    assert len(sandbox.ledger.acceptances()) == 5


def test_another_line_takes_it_over_without_the_stand_ins_of_the_first(sandbox: Sandbox, ended: Campaign) -> None:
    gosms = lines.line("gosms", sandbox)
    Campaign.objects.filter(pk=ended.pk).update(failover_line=gosms)
    assert copying.again(ended.pk, ["failed"]).failover_line == gosms
    assert copying.again(ended.pk, ["failed"], line=gosms).failover_line is None
    assert copying.lines_for(ended) == [ended.line, gosms]


def test_the_price_of_a_further_try_is_told(ended: Campaign) -> None:
    numbers = copying.unreached(ended)
    assert copying.prices(ended, ended.line, numbers)["failed"] is None
    Tariff.objects.create(line=ended.line, operator=0, encoding="ucs2", rial_per_part=100)
    cost = copying.prices(ended, ended.line, numbers)["not_delivered"]
    assert cost is not None
    assert (cost.least, cost.most) == (200, 200)


@pytest.mark.parametrize("outcomes", [[], ["delivered"], ["unclear"], ["blocked"], ["undelivered"]])
def test_nothing_but_what_is_offered_can_be_tried_again(ended: Campaign, outcomes: list[str]) -> None:
    with pytest.raises(InvalidDraft):
        copying.again(ended.pk, outcomes)


def test_only_an_ended_campaign_whose_recipients_are_known_can_be_tried_again(ended: Campaign) -> None:
    assert not copying.why_not_again(ended)
    ended.pruned_at = timezone.now()
    assert copying.why_not_again(ended)
    assert copying.why_not_again(campaign_in(CampaignStatus.RUNNING))
    assert copying.why_not_again(campaign_in(CampaignStatus.COMPLETED))  # nobody was left out


def launch(made: Campaign) -> None:
    lifecycle.launch(made.pk)
    lifecycle.prepare(made.pk)


def sent_to(campaign: Campaign) -> set[str]:
    rows = Message.objects.of(builders.refreshed(campaign)).exclude(batch_number=None)
    return {str(phone) for phone in rows.values_list("phone", flat=True)}
