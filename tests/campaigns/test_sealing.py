"""What voids an approval and what does not; a campaign that changed since it was seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User
from django.utils import translation
from pytest_django.fixtures import Settings

from campaigns import approving, lifecycle, sealing
from campaigns.lifecycle import NotAllowed
from campaigns.models import Approval, AudienceRule, Campaign, Message
from campaigns.states import CampaignStatus
from contacts.models import Contact, Phonebook, Suppression
from providers.models import SenderLine, Tariff
from tests import builders
from tests.campaigns.approvals import approved, decisions, joins, person, priced_draft

pytestmark = pytest.mark.django_db
S, D = CampaignStatus, Approval.Decision


@pytest.fixture(autouse=True)
def _required(settings: Settings) -> Iterator[None]:
    settings.APPROVAL = "required"
    with translation.override("en"):
        yield


@pytest.fixture
def approver() -> User:
    return person("approver", "approve_campaign")


def _of_campaign(**fields: object) -> Callable[[], object]:
    return lambda: Campaign.objects.update(**fields)


CHANGES: dict[str, tuple[str, Callable[[], object]]] = {
    "another text": ("the text", _of_campaign(text="other")),
    "another suffix": ("the text", lambda: SenderLine.objects.update(kind="advertising", opt_out_suffix="لغو11")),
    "another pace": ("the schedule", _of_campaign(messages_per_minute=5)),
    "another time": ("the schedule", _of_campaign(scheduled_at="2027-01-01T10:00Z")),
    "a pilot": ("the schedule", _of_campaign(pilot_size=3)),
    "another window": ("the schedule", lambda: SenderLine.objects.update(window_end="22:00")),
    "another sender": ("the line", lambda: SenderLine.objects.update(sender="1000")),
    "another part size": ("the line", lambda: SenderLine.objects.update(part_size=66)),
    "a sample": ("the choice of recipients", _of_campaign(sample_size=5)),
    "a cut": ("the choice of recipients", lambda: AudienceRule.objects.update(params={"start": 0, "size": 5})),
    "another tariff": ("the tariffs", lambda: Tariff.objects.update(rial_per_part=101)),
    "one person more": ("10 became 11", joins),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_voids_the_approval_and_is_named(approver: User, what: str) -> None:
    campaign = approved(priced_draft(), approver)
    said, change = CHANGES[what]
    change()
    with pytest.raises(NotAllowed, match=said):
        lifecycle.launch(campaign.pk)
    waiting = builders.refreshed(campaign)
    assert (waiting.status, waiting.pause_code) == (S.PENDING_APPROVAL, "approval_void")
    assert decisions(campaign) == [D.VOID, D.REQUESTED]
    assert not Message.objects.exists()


@pytest.mark.parametrize("when", ["before the launch", "before the freeze"])
def test_who_opts_out_after_the_approval_does_not_void_it(approver: User, when: str) -> None:
    campaign = approved(priced_draft(), approver)
    if when == "before the freeze":
        lifecycle.launch(campaign.pk)
    Suppression.objects.create(phone=builders.phone(3))
    if when == "before the launch":
        lifecycle.launch(campaign.pk)
    assert lifecycle.prepare(campaign.pk)
    assert builders.counts(campaign) == {"pending": 9, "skipped": 1}
    assert decisions(campaign) == [D.APPROVED]


def test_other_names_of_a_phonebook_and_a_line_do_not_matter(approver: User) -> None:
    campaign = approved(priced_draft(), approver)
    Phonebook.objects.update(name="renamed")
    SenderLine.objects.update(name="renamed")
    lifecycle.launch(campaign.pk)


@pytest.mark.parametrize("what", CHANGES)
def test_what_changes_after_the_launch_is_noticed_at_the_freeze(approver: User, what: str) -> None:
    campaign = approved(priced_draft(), approver)
    lifecycle.launch(campaign.pk)
    said, change = CHANGES[what]
    change()
    Campaign.objects.update(scheduled_at=None) if what != "another time" else None
    assert not lifecycle.prepare(campaign.pk)
    waiting = builders.refreshed(campaign)
    assert waiting.status == S.PENDING_APPROVAL
    assert said in waiting.pause_text
    assert not Message.objects.exists()


def test_who_comes_between_the_count_and_the_freeze_is_noticed(approver: User, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign = approved(priced_draft(), approver)
    lifecycle.launch(campaign.pk)
    counted = sealing.seal

    def then_somebody_joins(of: Campaign) -> sealing.Sealed:
        found = counted(of)
        joins()
        return found

    monkeypatch.setattr(sealing, "seal", then_somebody_joins)
    assert not lifecycle.prepare(campaign.pk)
    assert builders.refreshed(campaign).status == S.PENDING_APPROVAL
    assert not Message.objects.exists()
    assert not campaign.batches.exists()


def test_a_scheduled_campaign_without_an_approval_waits_once_one_is_required(settings: Settings) -> None:
    settings.APPROVAL = "optional"
    campaign = priced_draft()
    lifecycle.launch(campaign.pk)
    settings.APPROVAL = "four_eyes"
    assert not lifecycle.prepare(campaign.pk)
    assert builders.refreshed(campaign).status == S.PENDING_APPROVAL
    assert decisions(campaign) == [D.REQUESTED]


def test_a_test_needs_no_approval() -> None:
    campaign = priced_draft(is_test=True)
    lifecycle.launch(campaign.pk)
    assert lifecycle.prepare(campaign.pk)


def test_what_costs_a_little_more_stays_approved_where_it_was_extrapolated() -> None:
    seen = sealing.Sealed({}, sealing.Figures(1000, 1000, 100_000, exact=False))
    assert not sealing.changes(seen, sealing.Sealed({}, sealing.Figures(1000, 1000, 100_900, exact=False)))
    assert sealing.changes(seen, sealing.Sealed({}, sealing.Figures(1000, 1000, 101_100, exact=False))).keys() == {
        "cost"
    }
    counted = seen._replace(figures=seen.figures._replace(exact=True, cost=100_001))
    assert sealing.changes(seen._replace(figures=seen.figures._replace(exact=True)), counted).keys() == {"cost"}


def test_a_stale_page_launches_nothing(settings: Settings) -> None:
    settings.APPROVAL = "optional"
    campaign = builders.refreshed(priced_draft())
    page = sealing.token(campaign, sealing.seal(campaign))
    Campaign.objects.update(text="other")
    with pytest.raises(NotAllowed, match="the text"):
        lifecycle.launch(campaign.pk, seal=page)
    assert builders.refreshed(campaign).status == S.DRAFT
    lifecycle.launch(
        campaign.pk, seal=sealing.token(builders.refreshed(campaign), sealing.seal(builders.refreshed(campaign)))
    )


def test_the_page_of_another_status_or_a_forged_one_launches_nothing(settings: Settings) -> None:
    settings.APPROVAL = "optional"
    campaign = builders.refreshed(priced_draft())
    late = Campaign(pk=campaign.pk, status=S.SCHEDULED)
    for page in (sealing.token(late, sealing.seal(campaign)), "forged", "{}"):
        with pytest.raises(NotAllowed, match="not what you saw"):
            lifecycle.launch(campaign.pk, seal=page)
    assert builders.refreshed(campaign).status == S.DRAFT


def test_the_seal_tells_text_audience_line_schedule_and_cost_apart() -> None:
    campaign = builders.refreshed(priced_draft())
    seals = {sealing.seal(campaign).seal}
    for _said, change in CHANGES.values():
        change()
        seals.add(sealing.seal(builders.refreshed(campaign)).seal)
    # One person more is beyond the first five, of whom it was cut to.
    assert len(seals) == len(CHANGES)
    assert all(len(seal) == 64 for seal in seals)


def test_of_a_longer_name_the_cost_is_noticed(approver: User) -> None:
    draft = priced_draft(text="سلام {first_name}")
    campaign = approved(draft, approver)
    Contact.objects.update(first_name="ن" * 90)
    with pytest.raises(NotAllowed, match="the cost"):
        lifecycle.launch(campaign.pk)
    assert approving.waiting_for(approver).get().facts["cost"] == 2_000
