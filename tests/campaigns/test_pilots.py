"""A campaign's pilot: exactly its first recipients, then nothing until somebody lets it go on."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from campaigns import checking, forecast, lifecycle, reporting, ringing
from campaigns.models import AuditEntry, Batch, Campaign, Message
from campaigns.sending import claiming, dispatch, pilots, reconcile
from campaigns.sending.claiming import Claim, claim
from campaigns.states import BatchStatus, CampaignStatus, MessageStatus
from campaigns.views.wording import why_not_sending
from contacts.models import Suppression
from providers.models import ProviderAccount, SenderLine
from providers.sandbox import Sandbox
from tests import builders
from tests.campaigns import lines
from tests.parallel import at_once

pytestmark = pytest.mark.django_db(transaction=True)
S = CampaignStatus


def first(number: int) -> set[int]:
    """The numbers of the first contacts, as the ledger has them."""
    return {int(builders.phone(n)) for n in range(number)}


def taken(sandbox: Sandbox) -> set[int]:
    return {int(number) for number in sandbox.ledger.acceptances()}


def held(campaign: Campaign) -> bool:
    """Whether it waits for a word on its pilot."""
    now = builders.refreshed(campaign)
    return (now.status, now.pause_code) == (S.PAUSED, pilots.OUT)


# The first batch has two, the others ten: inside and on the end of a batch, and over several.
@pytest.mark.parametrize("size", [1, 2, 5, 12, 15, 22, 31])
def test_exactly_the_first_so_many_go_out_and_the_rest_at_a_word(sandbox: Sandbox, size: int) -> None:
    campaign = builders.campaign_of(sandbox, 32, pilot_size=size)
    builders.send_all(campaign)
    assert held(campaign)
    assert taken(sandbox) == first(size)
    lifecycle.resume(campaign.pk)
    builders.send_all(campaign)
    assert builders.refreshed(campaign).status == S.COMPLETED
    assert taken(sandbox) == first(32)
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL
    assert builders.counts(campaign) == {"accepted": 32}


@pytest.mark.parametrize("size", [32, 33, 1_000])
def test_a_pilot_of_everybody_is_none(sandbox: Sandbox, size: int) -> None:
    campaign = builders.campaign_of(sandbox, 32, pilot_size=size)
    builders.send_all(campaign)
    assert builders.refreshed(campaign).status == S.COMPLETED
    assert taken(sandbox) == first(32)


def test_who_gets_nothing_is_not_counted_as_one_of_the_first(sandbox: Sandbox) -> None:
    people = builders.contacts(20)
    for n in (0, 3, 4):
        Suppression.objects.create(phone=builders.phone(n), scope="all", reason="manual")
    over = builders.line(builders.account(sandbox, batch_size=4))
    campaign = builders.running(over, builders.include(builders.phonebook(people)), pilot_size=6)
    builders.send_all(campaign)
    assert taken(sandbox) == first(9) - {int(builders.phone(n)) for n in (0, 3, 4)}
    assert builders.counts(campaign) == {"accepted": 6, "pending": 11, "skipped": 3}


def test_of_a_single_recipient_the_pilot_waits_for_nothing(sandbox: Sandbox) -> None:
    people = builders.contacts(3)
    Suppression.objects.create(phone=builders.phone(0), scope="all", reason="manual")
    over = builders.line(builders.account(sandbox))
    campaign = builders.running(over, builders.include(builders.phonebook(people)), pilot_size=2)
    builders.send_all(campaign)
    assert builders.refreshed(campaign).status == S.COMPLETED


def test_the_word_is_taken_once_and_written_down(sandbox: Sandbox) -> None:
    campaign = builders.campaign_of(sandbox, 12, pilot_size=3)
    builders.send_all(campaign)
    lifecycle.resume(campaign.pk)
    with pytest.raises(lifecycle.NotAllowed):
        lifecycle.resume(campaign.pk)
    assert builders.refreshed(campaign).pilot_released_at
    actions = AuditEntry.objects.filter(campaign=campaign).values_list("action", flat=True)
    assert [action for action in actions if "pilot" in action] == ["pilot_released", "pilot_out"]


def test_a_pause_in_mid_pilot_goes_on_with_the_pilot_alone(sandbox: Sandbox) -> None:
    campaign = builders.campaign_of(sandbox, 32, pilot_size=15)
    found = claim(campaign.pk, "me")
    assert isinstance(found, Claim)
    dispatch.send(found)
    lifecycle.pause(campaign.pk)
    lifecycle.resume(campaign.pk)
    assert builders.refreshed(campaign).pilot_released_at is None
    builders.send_all(campaign)
    assert held(campaign)
    assert taken(sandbox) == first(15)


def test_a_word_on_a_pause_is_none_on_the_pilot_that_ended_meanwhile(sandbox: Sandbox) -> None:
    campaign = builders.campaign_of(sandbox, 12, pilot_size=2)
    found = claim(campaign.pk, "me")
    assert isinstance(found, Claim)
    lifecycle.pause(campaign.pk)
    dispatch.send(found)
    lifecycle.finish(campaign.pk)
    lifecycle.resume(campaign.pk)
    builders.send_all(campaign)
    assert held(campaign)
    assert taken(sandbox) == first(2)


def test_a_second_click_on_a_pause_is_none_on_the_pilot_that_was_over_by_then(sandbox: Sandbox) -> None:
    campaign = builders.campaign_of(sandbox, 12, pilot_size=2)
    lifecycle.pause(campaign.pk)
    lifecycle.resume(campaign.pk, seen="operator")
    builders.send_all(campaign)
    with pytest.raises(lifecycle.NotAllowed):
        lifecycle.resume(campaign.pk, seen="operator")
    assert held(campaign)
    assert taken(sandbox) == first(2)
    lifecycle.resume(campaign.pk, seen=pilots.OUT)
    assert builders.refreshed(campaign).status == S.RUNNING


def test_a_batch_that_comes_back_keeps_the_rest_waiting(sandbox: Sandbox) -> None:
    campaign = builders.campaign_of(sandbox, 32, pilot_size=12)
    sandbox.faults.add("429", "send", ordinals=[2])
    builders.send_all(campaign)
    assert builders.refreshed(campaign).status == S.RUNNING
    builders.time_passes()
    builders.send_all(campaign)
    assert held(campaign)
    assert taken(sandbox) == first(12)


@pytest.mark.parametrize("ordinal", [1, 2])
def test_a_doubt_in_it_pauses_as_ever_and_the_word_on_that_is_none_on_the_pilot(sandbox: Sandbox, ordinal: int) -> None:
    campaign = builders.campaign_of(sandbox, 32, pilot_size=12)
    sandbox.faults.add("close_after_accept", "send", ordinals=[ordinal])
    builders.send_all(campaign)
    assert builders.refreshed(campaign).pause_code == pilots.UNCLEAR
    lifecycle.resume(campaign.pk)
    builders.send_all(campaign)
    assert held(campaign)
    assert taken(sandbox) == first(12)
    with translation.override("en"):
        assert "unclear" in why_not_sending(builders.refreshed(campaign))[0].title


def test_what_of_it_is_sent_again_is_still_of_the_pilot(sandbox: Sandbox) -> None:
    campaign = builders.campaign_of(sandbox, 32, pilot_size=2)
    sandbox.faults.add("500", "send", ordinals=[1], taken=False)
    builders.send_all(campaign)
    lifecycle.send_again(campaign.pk)
    lifecycle.resume(campaign.pk)
    builders.send_all(campaign)
    assert held(campaign)
    assert taken(sandbox) == first(2)


def test_a_late_answer_brings_a_pilot_batch_back_and_not_the_rest(sandbox: Sandbox) -> None:
    campaign = builders.campaign_of(sandbox, 12, pilot_size=2)
    found = claim(campaign.pk, "gone/1/0")
    assert isinstance(found, Claim)
    Batch.objects.filter(pk=found.batch.pk).update(lease_until=timezone.now() - dt.timedelta(seconds=1))
    reconcile.expire_leases()
    assert builders.refreshed(campaign).pause_code == pilots.UNCLEAR
    lifecycle.resume(campaign.pk)
    assert builders.send_all(campaign) == "nothing"
    assert held(campaign)
    assert taken(sandbox) == set()


def test_whom_bale_refuses_gets_the_sms_before_the_word(sandbox: Sandbox) -> None:
    bale, sms = lines.line("safir", sandbox), lines.line("najva", sandbox)
    sandbox.behaviour.not_on_bale = 0.5
    people = builders.phonebook(builders.contacts(30))
    # They wait on the fallback line from the beginning, in a batch that has room.
    absent = builders.phonebook(builders.contacts(10, start=30, not_on_bale_since=timezone.now()), "absent")
    rules = (builders.include(people), builders.include(absent))
    campaign = builders.running(bale, *rules, fallback_line=sms, pilot_size=15)
    for _gathered in range(3):
        builders.send_all(campaign)
    assert held(campaign)
    assert builders.counts(campaign) == {"accepted": 15, "pending": 25}
    rows = Message.objects.of(campaign).order_by("pk")
    assert list(rows.filter(status=MessageStatus.ACCEPTED)) == list(rows[:15])
    assert {each.provider for each in sandbox.ledger.taken} == {"safir", "najva"}
    lifecycle.resume(campaign.pk)
    for _gathered in range(3):
        builders.send_all(campaign)
    assert builders.counts(campaign) == {"accepted": 40}
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL


def test_a_pilot_goes_out_on_the_line_that_takes_over(sandbox: Sandbox) -> None:
    over, other = builders.line(builders.account(sandbox, batch_size=10)), lines.line("gosms", sandbox)
    sandbox.behaviour.gosms_rate = lines.FAST
    rule = builders.include(builders.phonebook(builders.contacts(32)))
    campaign = builders.running(over, rule, failover_line=other, pilot_size=15)
    found = claim(campaign.pk, "me")
    assert isinstance(found, Claim)
    dispatch.send(found)
    ProviderAccount.objects.filter(pk=over.account_id).update(enabled=False)
    builders.send_all(campaign)
    assert held(campaign)
    assert taken(sandbox) == first(15)


def test_a_batch_that_is_cut_for_the_pace_stays_in_the_pilot(sandbox: Sandbox) -> None:
    campaign = builders.campaign_of(sandbox, 32, pilot_size=15)
    Campaign.objects.filter(pk=campaign.pk).update(messages_per_minute=3)
    while not held(campaign):
        builders.time_passes()
        builders.send_all(campaign)
    assert taken(sandbox) == first(15)


def test_cancelling_and_expiring_end_what_waits(sandbox: Sandbox) -> None:
    ended: list[Campaign] = []
    for _end in range(2):
        people = builders.contacts(12, start=100 * len(ended))
        over = builders.line(builders.account(sandbox, name=f"a{len(ended)}"), f"9000{len(ended)}")
        rule = builders.include(builders.phonebook(people, f"b{len(ended)}"))
        ended.append(builders.running(over, rule, pilot_size=3))
        builders.send_all(ended[-1])
    lifecycle.cancel(ended[0].pk)
    Campaign.objects.filter(pk=ended[1].pk).update(expires_at=timezone.now())
    ringing.tick()
    lifecycle.clear_pending(ended[1].pk, 5)
    assert builders.counts(ended[0]) == {"accepted": 3, "cancelled": 9}
    assert builders.counts(ended[1]) == {"accepted": 3, "expired": 9}


def test_nothing_of_it_rings_in_vain_while_it_waits(sandbox: Sandbox) -> None:
    """The tick finishes what a killed worker left, and asks for no sending that a claim would refuse."""
    campaign = builders.campaign_of(sandbox, 12, pilot_size=3)
    dispatch.work(campaign.pk, 20)
    assert builders.refreshed(campaign).status == S.RUNNING
    assert not claiming.can_send(builders.refreshed(campaign))
    assert ringing.sendable() == []
    assert held(campaign)


def test_workers_at_once_never_go_beyond_it(sandbox: Sandbox, settings: object) -> None:
    settings.SEND_CONCURRENCY = 100  # type: ignore[attr-defined]
    campaign = builders.campaign_of(sandbox, 92, pilot_size=47)
    for _round in range(3):
        at_once(lambda: builders.send_all(campaign), 4)
    assert held(campaign)
    assert taken(sandbox) == first(47)
    at_once(lambda: _say(campaign), 3)
    for _round in range(3):
        at_once(lambda: builders.send_all(campaign), 4)
    assert builders.counts(campaign) == {"accepted": 92}
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL


def _say(campaign: Campaign) -> bool:
    try:
        lifecycle.resume(campaign.pk)
    except lifecycle.NotAllowed:
        return False
    return True


def test_the_page_says_what_became_of_it(sandbox: Sandbox) -> None:
    campaign = builders.campaign_of(sandbox, 12, pilot_size=3)
    assert forecast.ends_at(campaign, 12) is None
    builders.send_all(campaign)
    with translation.override("en"):
        [notice] = why_not_sending(builders.refreshed(campaign))
    assert notice.title == "The first 3 have gone out: 0 delivered, 3 accepted, 0 failed so far."
    assert reporting.accounting(campaign).balanced


def test_a_provider_that_keeps_the_recipients_has_no_pilot(sandbox: Sandbox) -> None:
    kept = Campaign(line=lines.line("ippanel", sandbox), pilot_size=5)
    assert checking.course_problems(kept)["pilot_size"]
    kept.pilot_size = None
    assert not checking.course_problems(kept)["pilot_size"]


def queries_of_a_claim(campaign: Campaign) -> int:
    Batch.objects.filter(campaign=campaign, number=claiming.PILOT).update(status=BatchStatus.DONE)
    with CaptureQueriesContext(connection) as queries:
        assert isinstance(claim(campaign.pk, "me"), Claim)
    # Whether the database is still the one that was worked on is asked once a second.
    return sum("campaigns_witness" not in query["sql"] for query in queries)


def test_a_claim_of_a_pilot_asks_no_more_than_another() -> None:
    plain = queries_of_a_claim(builders.campaign_of(None, 32))
    SenderLine.objects.update(sender="90000999")
    over = builders.line(builders.account(name="other"))
    rule = builders.include(builders.phonebook(builders.contacts(32, start=500), "others"))
    assert queries_of_a_claim(builders.running(over, rule, pilot_size=20)) == plain
