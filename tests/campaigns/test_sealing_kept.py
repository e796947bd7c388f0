"""Approval where the provider keeps the recipients: its count is approved, and compared when it is prepared."""

from __future__ import annotations

import pytest
from pytest_django.fixtures import Settings

from campaigns import approving, lifecycle
from campaigns.lifecycle import NotAllowed
from campaigns.models import AudienceRule, Batch, Campaign
from campaigns.states import CampaignStatus
from contacts.models import Phonebook
from providers.models import SenderLine
from providers.sandbox import Sandbox
from tests import builders
from tests.campaigns import lines
from tests.campaigns.approvals import decisions, person

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _required(settings: Settings) -> None:
    settings.APPROVAL = "required"


@pytest.fixture
def campaign(sandbox: Sandbox) -> Campaign:
    """A draft to all the numbers of a mirrored phonebook, of which there are twenty."""
    over = lines.line("ippanel", sandbox)
    Phonebook.objects.create(account=over.account, provider_ref="123654", name="theirs", size=20)
    return builders.draft(over, AudienceRule(kind=AudienceRule.Kind.PROVIDER, params={"phonebooks": ["123654"]}))


def launched(campaign: Campaign) -> Campaign:
    approving.submit(campaign.pk)
    approving.approve(campaign.pk, person("approver", "approve_campaign"))
    lifecycle.launch(campaign.pk)
    return builders.refreshed(campaign)


def test_the_providers_count_and_price_are_approved(campaign: Campaign) -> None:
    launched(campaign)
    facts = campaign.approvals.get().facts
    assert facts["recipients"] == 20
    assert facts["cost"] > 0
    assert lifecycle.prepare(campaign.pk)
    assert builders.counts(campaign) == {"pending": 20}


def test_who_joins_at_the_provider_voids_the_approval(campaign: Campaign) -> None:
    launched(campaign)
    Phonebook.objects.update(size=21)
    assert not lifecycle.prepare(campaign.pk)
    assert builders.refreshed(campaign).status == CampaignStatus.PENDING_APPROVAL
    assert decisions(campaign) == ["void", "requested"]
    assert not Batch.objects.exists()


def test_one_that_lapsed_before_it_was_counted_keeps_the_number_that_was_approved(campaign: Campaign) -> None:
    approver = person("approver", "approve_campaign")
    approving.submit(campaign.pk)
    approving.approve(campaign.pk, approver)
    SenderLine.objects.update(window_end="20:00")
    with pytest.raises(NotAllowed):
        lifecycle.launch(campaign.pk)
    approving.approve(campaign.pk, approver)
    Phonebook.objects.update(size=2_000)
    lifecycle.launch(campaign.pk)
    assert not lifecycle.prepare(campaign.pk)
    assert not Batch.objects.exists()


def test_nobody_approves_a_number_that_nobody_was_told(campaign: Campaign) -> None:
    request = approving.submit(campaign.pk)
    request.facts["recipients"] = None
    request.save()
    with pytest.raises(NotAllowed):
        approving.approve(campaign.pk, person("approver", "approve_campaign"))
    assert decisions(campaign) == ["requested"]


def test_it_is_not_submitted_where_the_provider_does_not_tell(campaign: Campaign, sandbox: Sandbox) -> None:
    campaign.line.account.base_url = "http://127.0.0.1:9"
    campaign.line.account.save()
    with pytest.raises(NotAllowed):
        approving.submit(campaign.pk)
    assert builders.refreshed(campaign).status == CampaignStatus.DRAFT
