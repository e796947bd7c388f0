"""Who may say what of a campaign, in which order, and that a second click changes nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.utils import translation
from pytest_django.fixtures import Settings

from campaigns import approving, drafting, lifecycle, sealing, standing
from campaigns.lifecycle import NotAllowed
from campaigns.models import Approval, Campaign
from campaigns.states import CampaignStatus
from tests import builders
from tests.campaigns.approvals import approved, decisions, joins, person, priced_draft
from tests.parallel import at_once

pytestmark = pytest.mark.django_db
S, D = CampaignStatus, Approval.Decision


@pytest.fixture
def approver() -> User:
    return person("approver", "approve_campaign")


@pytest.fixture
def campaign() -> Campaign:
    return priced_draft()


@pytest.fixture(autouse=True)
def _required(settings: Settings) -> Iterator[None]:
    settings.APPROVAL = "required"
    with translation.override("en"):
        yield


def status(campaign: Campaign) -> str:
    return builders.refreshed(campaign).status


def test_no_draft_goes_out_without_an_approval(campaign: Campaign) -> None:
    with pytest.raises(NotAllowed, match="submit it first"):
        lifecycle.launch(campaign.pk)
    approving.submit(campaign.pk)
    with pytest.raises(NotAllowed, match="waits for its approval"):
        lifecycle.launch(campaign.pk)
    assert status(campaign) == S.PENDING_APPROVAL


def test_a_draft_that_changes_while_it_is_counted_is_not_submitted(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = approving.counted

    def then_another_tab_saves(draft: Campaign) -> sealing.Sealed:
        found = count(draft)
        drafting.revise(draft.pk, rules=draft.audience_rules(), name="x", line=draft.line, text="other")
        return found

    monkeypatch.setattr(approving, "counted", then_another_tab_saves)
    with pytest.raises(NotAllowed, match="the text"):
        approving.submit(campaign.pk)
    assert (status(campaign), decisions(campaign)) == (S.DRAFT, [])


def test_a_draft_needs_no_approval_where_none_is_required(campaign: Campaign, settings: Settings) -> None:
    settings.APPROVAL = "optional"
    assert lifecycle.launch(campaign.pk) == S.PREPARING


def test_an_approved_campaign_goes_out(campaign: Campaign, approver: User) -> None:
    approved(campaign, approver)
    lifecycle.launch(campaign.pk)
    assert lifecycle.prepare(campaign.pk)
    assert builders.counts(campaign) == {"pending": 10}
    assert decisions(campaign) == [D.APPROVED]


def test_what_waits_cannot_be_changed(campaign: Campaign) -> None:
    approving.submit(campaign.pk)
    with pytest.raises(drafting.InvalidDraft):
        drafting.revise(campaign.pk, rules=campaign.audience_rules(), name="x", line=campaign.line, text="other")
    approving.withdraw(campaign.pk)
    assert (status(campaign), decisions(campaign)) == (S.DRAFT, [D.WITHDRAWN])


def test_a_draft_with_a_problem_is_not_submitted(campaign: Campaign) -> None:
    campaign.line.enabled = False
    campaign.line.save()
    with pytest.raises(NotAllowed, match="switched off"):
        approving.submit(campaign.pk)
    assert (status(campaign), decisions(campaign)) == (S.DRAFT, [])


def test_a_rejected_campaign_says_why_and_can_be_submitted_again(campaign: Campaign, approver: User) -> None:
    approving.submit(campaign.pk)
    with pytest.raises(NotAllowed, match="what should be changed"):
        approving.reject(campaign.pk, approver, " ")
    approving.reject(campaign.pk, approver, "Too long")
    assert status(campaign) == S.REJECTED
    assert campaign.approvals.get().comment == "Too long"
    approving.submit(campaign.pk)
    assert (status(campaign), decisions(campaign)) == (S.PENDING_APPROVAL, [D.REJECTED, D.REQUESTED])


def test_an_approved_campaign_that_is_taken_back_loses_its_approval(campaign: Campaign, approver: User) -> None:
    Campaign.objects.filter(pk=campaign.pk).update(scheduled_at="2027-01-01T10:00Z")
    approved(campaign, approver)
    assert lifecycle.launch(campaign.pk) == S.SCHEDULED
    lifecycle.take_back(campaign.pk)
    assert decisions(campaign) == [D.WITHDRAWN]
    with pytest.raises(NotAllowed, match="submit it first"):
        lifecycle.launch(campaign.pk)


@pytest.mark.parametrize("author", ["made", "submitted", "changed"])
def test_nobody_approves_their_own_where_four_eyes_look(campaign: Campaign, settings: Settings, author: str) -> None:
    settings.APPROVAL = "four_eyes"
    someone = person("someone", "approve_campaign")
    if author == "made":
        Campaign.objects.filter(pk=campaign.pk).update(created_by=someone)
    if author == "changed":
        drafting.revise(campaign.pk, actor=someone, text="other")
    approving.submit(campaign.pk, someone if author == "submitted" else None)
    with pytest.raises(NotAllowed, match="their own"):
        approving.approve(campaign.pk, someone)
    assert not approving.waiting_for(someone)
    approving.approve(campaign.pk, person("another", "approve_campaign"))


def test_four_eyes_want_a_name(campaign: Campaign, settings: Settings) -> None:
    settings.APPROVAL = "four_eyes"
    approving.submit(campaign.pk)
    with pytest.raises(NotAllowed, match="Say who"):
        approving.approve(campaign.pk)


def test_an_own_campaign_may_be_approved_where_one_approval_is_enough(campaign: Campaign, approver: User) -> None:
    approving.submit(campaign.pk, approver)
    assert list(approving.waiting_for(approver)) == [campaign.approvals.get()]
    approving.approve(campaign.pk, approver)


def test_a_permission_that_was_taken_meanwhile_counts_no_more(campaign: Campaign, approver: User) -> None:
    approving.submit(campaign.pk)
    assert approver.has_perm("campaigns.approve_campaign")
    User.objects.get(pk=approver.pk).user_permissions.clear()
    with pytest.raises(NotAllowed, match="no permission"):
        approving.approve(campaign.pk, approver)
    assert decisions(campaign) == [D.REQUESTED]


def test_nothing_is_approved_that_changed_since_it_was_seen(campaign: Campaign, approver: User) -> None:
    approving.submit(campaign.pk)
    waiting = builders.refreshed(campaign)
    seen = sealing.token(waiting, sealing.seal(waiting))
    joins(2)
    with pytest.raises(NotAllowed, match="10 became 12"):
        approving.approve(campaign.pk, approver, seal=seen)
    assert decisions(campaign) == [D.REQUESTED]


def test_a_second_click_changes_nothing(campaign: Campaign, approver: User) -> None:
    assert approving.submit(campaign.pk).pk == approving.submit(campaign.pk).pk
    assert approving.approve(campaign.pk, approver).pk == approving.approve(campaign.pk, approver).pk
    actions = list(campaign.audit_entries.order_by("pk").values_list("action", flat=True))
    assert actions == ["created", "submitted", "approved"]


@pytest.mark.django_db(transaction=True)
def test_of_an_approval_and_a_rejection_at_one_moment_the_rejection_counts(campaign: Campaign, approver: User) -> None:
    approving.submit(campaign.pk)

    def say(word: str) -> bool:
        try:
            getattr(approving, word)(campaign.pk, approver, "because")
        except NotAllowed:
            return False
        return True

    _approved, rejected = at_once(lambda: say("approve"), 1, lambda: say("reject"), 1)
    # An approval may be rejected afterwards, but nothing is approved that was rejected.
    assert rejected
    assert decisions(campaign) == [D.REJECTED]
    assert status(campaign) == S.REJECTED


def test_a_cancelled_campaign_waits_for_nobody(campaign: Campaign, approver: User) -> None:
    approving.submit(campaign.pk)
    lifecycle.cancel(campaign.pk)
    assert not approving.waiting_for(approver)
    assert standing.of(campaign.pk) is None
