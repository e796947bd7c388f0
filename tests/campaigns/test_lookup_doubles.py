"""A look-up must not take a message that the provider has for one that it has not: it would go out twice."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from campaigns.delivery import polling
from campaigns.models import Batch, Campaign
from campaigns.sending import dispatch
from campaigns.states import BatchStatus
from providers.models import ProviderAccount
from providers.sandbox import Sandbox
from providers.sandbox.gosms import GoSMSSide
from tests import builders
from tests.campaigns import lines

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sandbox(sandbox: Sandbox, settings: Any) -> Sandbox:
    settings.SEND_DOUBT = 1
    sandbox.behaviour.gosms_rate = lines.FAST
    return sandbox


def poll_and_send(campaign: Campaign) -> None:
    """Two polls of the plan, and what the ticks make of them."""
    for _ in range(2):
        unclear = Batch.objects.filter(status=BatchStatus.UNKNOWN)
        unclear.update(poll_at=timezone.now() - dt.timedelta(seconds=1))
        for pk in polling.due():
            polling.poll(pk)
    for _ in range(3):
        builders.send_all(campaign)


def test_an_unclear_message_of_an_earlier_attempt_is_found(sandbox: Sandbox) -> None:
    """Unclear in the morning; the account had no credit then, and the rest of its group goes out in the afternoon."""
    over = lines.line("gosms", sandbox)
    campaign = builders.running(over, builders.include(builders.phonebook(builders.contacts(12))))
    dispatch.work(campaign.pk, 0.01)
    sandbox.faults.add("close_after_accept", "gosms_send", ordinals=[1])
    sandbox.faults.add("no_credit", "gosms_send", ordinals=[2])
    assert dispatch.work(campaign.pk, 5) == "breaker"
    sandbox.faults.clear()
    for taken in sandbox.ledger.taken:
        taken.at -= 3600  # an hour passes
    Campaign.objects.update(started_at=timezone.now() - dt.timedelta(hours=1))
    ProviderAccount.objects.close_breaker(over.account_id)
    builders.send_all(campaign)
    assert builders.counts(campaign) == {"accepted": 11, "unknown": 1}
    poll_and_send(campaign)
    assert builders.wrongs(sandbox, campaign)["twice"] == set()


def test_a_text_that_the_provider_trims_is_not_taken_for_another(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it keeps a space at the end is nowhere documented; that no message of ours is there must be proven."""
    row = GoSMSSide._row

    def trimmed(self: GoSMSSide, taken: Any) -> dict[str, Any]:
        found = row(self, taken)
        return {**found, "message": str(found["message"]).strip()}

    monkeypatch.setattr(GoSMSSide, "_row", trimmed)
    sandbox.faults.add("close_after_accept", "gosms_send", ordinals=[4])
    rule = builders.include(builders.phonebook(builders.contacts(12)))
    campaign = builders.running(lines.line("gosms", sandbox), rule, text="سلام ")
    builders.send_all(campaign)
    poll_and_send(campaign)
    assert builders.wrongs(sandbox, campaign)["twice"] == set()


def test_with_a_key_refused_connections_do_not_use_up_the_repeats(sandbox: Sandbox) -> None:
    """The host was down for a few minutes; then one answer is lost. The key makes it safe to ask again."""
    campaign = builders.running(
        lines.line("safir", sandbox), builders.include(builders.phonebook(builders.contacts(1)))
    )
    for _ in range(8):
        address = ProviderAccount.objects.get().base_url
        ProviderAccount.objects.update(base_url="http://127.0.0.1:9", next_request_at=None)
        Batch.objects.update(not_before=None)
        dispatch.work(campaign.pk, 1)
        ProviderAccount.objects.update(base_url=address)
        builders.time_passes()
    sandbox.faults.add("close_after_accept", "safir_send", times=1)
    for _ in range(2):
        builders.time_passes()
        builders.send_all(campaign)
    assert builders.counts(campaign) == {"accepted": 1}


def test_a_request_that_cannot_be_made_for_anybody_pauses_the_campaign(sandbox: Sandbox) -> None:
    """The sender of a line from the admin is none; one after the other a million messages fail."""
    over = lines.line("safir", sandbox, sender="mybot")
    campaign = builders.running(over, builders.include(builders.phonebook(builders.contacts(30))))
    builders.send_all(campaign)
    assert builders.counts(campaign).get("failed", 0) <= 10
