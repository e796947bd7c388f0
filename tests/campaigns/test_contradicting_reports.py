"""Reports that contradict each other: what the provider says when it is asked wins over its webhook's word."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from campaigns.delivery import applying, events, polling
from campaigns.models import Batch, Campaign, DeliveryEvent, Message
from campaigns.states import MessageStatus, Reason
from contacts.models import Suppression
from providers.answers import Report, StatusReport
from providers.models import ProviderAccount
from providers.sandbox import Sandbox
from tests import builders

pytestmark = pytest.mark.django_db
WEBHOOK, POLL = DeliveryEvent.Source.WEBHOOK, DeliveryEvent.Source.POLL


@pytest.fixture
def campaign(sandbox: Sandbox) -> Campaign:
    campaign = builders.campaign_of(sandbox, 12)
    builders.send_all(campaign)
    return campaign


def one(campaign: Campaign) -> Message:
    found = Message.objects.of(builders.refreshed(campaign)).order_by("pk").first()
    assert found is not None
    return found


def tell(campaign: Campaign, *said: tuple[DeliveryEvent.Source, str], together: bool) -> Message:
    """Let webhook and polls say these words of the first message, in this order."""
    account = ProviderAccount.objects.get()
    for source, word in said:
        report = StatusReport(str(one(campaign).provider_ref), Report(word), "x", cost=700)
        events.store(account.pk, [report], source)
        if not together:
            applying.apply()
    applying.apply()
    assert sum(builders.counts(campaign).values()) == 12
    return one(campaign)


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize(
    ("said", "stands"),
    [
        ([(WEBHOOK, "delivered"), (POLL, "undelivered")], "undelivered"),
        ([(POLL, "undelivered"), (WEBHOOK, "delivered")], "undelivered"),
        ([(POLL, "delivered"), (WEBHOOK, "delivered"), (POLL, "failed")], "delivered"),
        ([(POLL, "sent"), (WEBHOOK, "failed"), (POLL, "delivered")], "delivered"),
        ([(WEBHOOK, "delivered"), (WEBHOOK, "blocked")], "delivered"),
        ([(WEBHOOK, "delivered"), (POLL, "blocked"), (WEBHOOK, "failed")], "blocked"),
    ],
)
def test_the_answer_to_a_question_wins_and_the_message_is_flagged(
    campaign: Campaign, said: list[tuple[DeliveryEvent.Source, str]], stands: str, together: bool
) -> None:
    message = tell(campaign, *said, together=together)
    assert (message.status, message.reason) == (MessageStatus[stands.upper()], Reason.CONTRADICTED)
    assert builders.counts(campaign) == {"accepted": 11, stands: 1}
    assert Suppression.objects.exists() == (stands == "blocked")
    assert not DeliveryEvent.objects.filter(result=DeliveryEvent.Result.WAITING).exists()


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("word", ["forgotten", "sent", "accepted", "delivered"])
def test_what_is_no_contradiction_leaves_a_final_status_alone(campaign: Campaign, word: str, together: bool) -> None:
    message = tell(campaign, (WEBHOOK, "delivered"), (POLL, word), together=together)
    assert message.status == MessageStatus.DELIVERED
    assert message.reason != Reason.CONTRADICTED


def test_a_poll_over_a_socket_corrects_a_false_webhook(sandbox: Sandbox, campaign: Campaign) -> None:
    sandbox.behaviour.sent_after = sandbox.behaviour.final_after = 0
    sandbox.behaviour.shares = {"11": 1.0}
    refs = list(Message.objects.of(builders.refreshed(campaign)).values_list("provider_ref", flat=True))
    false = [StatusReport(str(ref), Report.DELIVERED, "10") for ref in refs]
    Batch.objects.update(poll_at=timezone.now() - dt.timedelta(seconds=1))
    events.store(ProviderAccount.objects.get().pk, false, WEBHOOK)
    for batch_id in polling.due():
        polling.poll(batch_id)
    applying.apply()
    assert builders.counts(campaign) == {"undelivered": 12}


def test_a_poll_that_lists_a_part_settles_it_and_the_next_one_the_rest(sandbox: Sandbox, campaign: Campaign) -> None:
    sandbox.behaviour.sent_after = sandbox.behaviour.final_after = 0
    sandbox.faults.add("partial", "status", share=0.5, times=2)
    for _round in range(2):
        Batch.objects.filter(poll_at__isnull=False).update(poll_at=timezone.now() - dt.timedelta(seconds=1))
        for batch_id in polling.due():
            polling.poll(batch_id)
        applying.apply()
        found = builders.counts(campaign)
        assert found.keys() <= {"accepted", "delivered"}
        assert found["delivered"] == (12 if _round else 6)


def paid(campaign: Campaign) -> int:
    """What the first message cost before any report."""
    cost = one(campaign).cost
    assert cost
    return cost


def test_what_a_blocked_message_had_cost_is_given_back(campaign: Campaign) -> None:
    cost = paid(campaign)
    message = tell(campaign, (WEBHOOK, "blocked"), together=True)
    assert (message.cost, message.refunded) == (0, cost)


@pytest.mark.parametrize("together", [True, False])
def test_one_that_was_not_blocked_after_all_costs_again_and_nothing_is_given_back(
    campaign: Campaign, together: bool
) -> None:
    message = tell(campaign, (WEBHOOK, "blocked"), (POLL, "delivered"), together=together)
    assert (message.cost, message.refunded) == (700, None)


def test_without_a_cost_in_the_report_it_costs_what_was_given_back(campaign: Campaign) -> None:
    cost = paid(campaign)
    told(campaign, WEBHOOK, Report.BLOCKED)
    message = told(campaign, POLL, Report.DELIVERED)
    assert (message.cost, message.refunded) == (cost, None)
    builders.counts(campaign)


def told(campaign: Campaign, source: DeliveryEvent.Source, report: Report) -> Message:
    """A report of the first message that says nothing of its cost."""
    events.store(ProviderAccount.objects.get().pk, [StatusReport(str(one(campaign).provider_ref), report, "x")], source)
    applying.apply()
    return one(campaign)


def test_one_that_turns_out_blocked_costs_nothing_and_is_given_back(campaign: Campaign) -> None:
    message = tell(campaign, (WEBHOOK, "delivered"), (POLL, "blocked"), together=False)
    assert (message.cost, message.refunded) == (0, 700)
