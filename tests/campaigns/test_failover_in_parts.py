"""Failover in the middle of a batch: what the first account has of it stays with that account."""

from __future__ import annotations

import pytest

from campaigns import lifecycle
from campaigns.models import AuditEntry, Batch, Campaign, Message
from campaigns.sending import lookup
from campaigns.states import BatchStatus, MessageStatus
from providers.models import ProviderAccount, SenderLine
from providers.sandbox import Sandbox
from providers.secrets import encrypt
from tests import builders
from tests.campaigns import lines

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def first(sandbox: Sandbox) -> SenderLine:
    sandbox.behaviour.gosms_rate = lines.FAST
    return lines.line("gosms", sandbox)


@pytest.fixture
def second(sandbox: Sandbox) -> SenderLine:
    other = lines.account("gosms", sandbox, name="other")
    ProviderAccount.objects.filter(pk=other.pk).update(credentials=encrypt({"token": "token-of-the-other"}))
    return lines.line("gosms", sandbox, of=other)


def broken_off(sandbox: Sandbox, first: SenderLine, second: SenderLine) -> Campaign:
    """A campaign whose first account took some of a group, lost an answer, and refused the rest; the other has that."""
    rule = builders.include(builders.phonebook(builders.contacts(12)))
    campaign = builders.running(first, rule, failover_line=second)
    sandbox.faults.add("close_after_accept", "gosms_send", ordinals=[4])
    sandbox.faults.add("bad_token", "gosms_send", ordinals=[7])
    builders.send_all(campaign)
    return campaign


def test_what_it_has_taken_or_may_have_is_asked_after_there(
    sandbox: Sandbox, first: SenderLine, second: SenderLine
) -> None:
    campaign = broken_off(sandbox, first, second)
    assert builders.counts(campaign) == {"accepted": 11, "unknown": 1}
    for message in Message.objects.of(campaign).filter(status=MessageStatus.ACCEPTED):
        batch = Batch.objects.select_related("line").get(campaign=campaign, number=message.batch_number or 0)
        assert batch.line.account_id == message.account_id
    [unclear] = Batch.objects.filter(status=BatchStatus.UNKNOWN)
    assert (unclear.line_id, unclear.pending, unclear.poll_at is None) == (first.pk, 0, False)
    assert ProviderAccount.objects.get(pk=first.account_id).breaker == "open"


def test_what_is_unclear_is_looked_up_where_it_was_sent(
    sandbox: Sandbox, first: SenderLine, second: SenderLine
) -> None:
    campaign = broken_off(sandbox, first, second)
    for _ in range(2):
        for batch in Batch.objects.filter(campaign=campaign):
            lookup.look(batch.pk)
    builders.send_all(campaign)
    assert builders.counts(campaign) == {"accepted": 12}
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL


def test_the_rest_of_a_doubtful_batch_that_a_probe_cuts_is_doubtful_too(sandbox: Sandbox) -> None:
    bale, rule = lines.line("safir", sandbox), builders.include(builders.phonebook(builders.contacts(8)))
    other = lines.account("safir", sandbox, name="other")
    stand_in = SenderLine.objects.create(account=other, sender="7654321", channel="bale", kind="service")
    campaign = builders.running(bale, rule, failover_line=stand_in)
    builders.send_all(campaign, 0.01)  # the pilot
    sandbox.faults.add("500", "safir_send", taken=True)
    for _ in range(4):  # three in vain, and the probe
        builders.time_passes()
        builders.send_all(campaign, 3)
    assert Batch.objects.filter(campaign=campaign).count() == 3
    assert not Batch.objects.filter(line=stand_in).exists()
    lifecycle.cancel(campaign.pk)
    assert builders.counts(campaign) == {"accepted": 2, "unknown": 6}


def test_a_batch_that_cannot_go_out_on_the_other_line_either_comes_back(
    sandbox: Sandbox, first: SenderLine, second: SenderLine
) -> None:
    campaign = builders.running(
        first, builders.include(builders.phonebook(builders.contacts(12))), failover_line=second
    )
    accounts = ProviderAccount.objects
    accounts.filter(pk=first.account_id).update(enabled=False)
    sandbox.faults.add("bad_token", "gosms_send", times=1)
    builders.send_all(campaign)
    assert Batch.objects.get(campaign=campaign, number=0).line == second  # the pilot, for which all others wait
    accounts.filter(pk=first.account_id).update(enabled=True)
    builders.send_all(campaign)
    assert builders.counts(campaign) == {"accepted": 12}
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL
    assert AuditEntry.objects.filter(action="failed_over").count() == 1
