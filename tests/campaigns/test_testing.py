"""Trying a draft on a few numbers: a campaign of its own, with the text that a recipient reads, sent once."""

from __future__ import annotations

import uuid

import pytest
from django.contrib.auth.models import User

from campaigns import copying, drafting, lifecycle, testing
from campaigns.drafting import InvalidDraft
from campaigns.models import AuditEntry, Campaign
from campaigns.states import CampaignStatus
from contacts.models import Contact, Suppression
from providers.models import Tariff
from providers.sandbox import Sandbox
from tests import builders
from tests.campaigns import lines
from tests.parallel import at_once

pytestmark = pytest.mark.django_db(transaction=True)
PERSONAL = "سلام {first_name|دوست} {{٪}}"
OURS = "+989350000001"  # a number that is no contact


@pytest.fixture
def draft(sandbox: Sandbox) -> Campaign:
    """To three people named مریم, with a cap, a sample, a pilot and a time, none of which a test has."""
    people = builders.contacts(3, first_name="مریم")
    over = builders.line(builders.account(sandbox))
    fields = {"sample_size": 2, "pilot_size": 1, "cap_messages": 1, "cap_days": 7}
    return builders.draft(over, builders.include(builders.phonebook(people)), text=PERSONAL, **fields)


def send_out(test: Campaign) -> None:
    lifecycle.prepare(test.pk)
    builders.send_all(test)


def test_a_test_goes_out_at_once_as_a_campaign_of_its_own(sandbox: Sandbox, draft: Campaign) -> None:
    test = testing.send(draft.pk, ["0935 000 0001", "+989350000001"])
    assert (test.is_test, test.made_from_id) == (True, draft.pk)
    assert (test.sample_size, test.pilot_size, test.cap_messages, test.scheduled_at) == (None,) * 4
    send_out(test)
    assert builders.counts(test) == {"accepted": 1}
    assert builders.refreshed(draft).status == CampaignStatus.DRAFT
    assert list(sandbox.ledger.acceptances()) == [int(OURS)]


def test_a_contact_reads_its_own_text_and_a_stranger_the_fallback(sandbox: Sandbox, draft: Campaign) -> None:
    test = testing.send(draft.pk, [OURS, builders.phone(0)])
    send_out(test)
    assert builders.texts_to(sandbox, OURS) == ["سلام دوست {٪}"]
    assert builders.texts_to(sandbox, builders.phone(0)) == ["سلام مریم {٪}"]


def test_the_words_of_a_chosen_recipient_go_to_every_number(sandbox: Sandbox, draft: Campaign) -> None:
    Contact.objects.filter(phone=builders.phone(1)).update(first_name="{زهرا}")
    reader = Contact.objects.get(phone=builders.phone(1))
    send_out(testing.send(draft.pk, [OURS, builders.phone(0)], read_by=reader.pk))
    assert builders.texts_to(sandbox, OURS) == ["سلام {زهرا} {٪}"]
    assert builders.texts_to(sandbox, builders.phone(0)) == ["سلام {زهرا} {٪}"]


def test_nobody_outside_the_audience_lends_their_words(draft: Campaign) -> None:
    [stranger] = builders.contacts(1, start=50)
    with pytest.raises(InvalidDraft):
        testing.send(draft.pk, [OURS], read_by=stranger.pk)


def test_the_sum_says_what_goes_out_and_what_it_costs(draft: Campaign) -> None:
    Tariff.objects.create(line=draft.line, operator=0, encoding="ucs2", rial_per_part=150)
    found = testing.total(draft, [OURS, builders.phone(0)], None)
    assert [preview.text for preview in found.previews] == ["سلام دوست {٪}", "سلام مریم {٪}"]
    assert (found.parts, found.cost) == (2, 300)


@pytest.mark.parametrize("numbers", [[], ["", " "], ["hello"], [f"0935000{n:04}" for n in range(6)]])
def test_too_few_too_many_or_no_numbers_are_refused(draft: Campaign, numbers: list[str]) -> None:
    with pytest.raises(InvalidDraft):
        testing.send(draft.pk, numbers)
    assert not Campaign.objects.filter(is_test=True).exists()


def test_a_suppressed_number_gets_no_test_either(sandbox: Sandbox, draft: Campaign) -> None:
    Suppression.objects.create(phone=OURS, scope="all", reason="manual")
    test = testing.send(draft.pk, [OURS])
    send_out(test)
    assert builders.counts(test) == {"skipped": 1}
    assert not sandbox.ledger.acceptances()


def test_two_clicks_at_once_send_one_test(sandbox: Sandbox, draft: Campaign) -> None:
    token = uuid.uuid4()
    made = at_once(lambda: testing.send(draft.pk, [OURS], form_token=token), 4)
    assert len({test.pk for test in made}) == 1
    assert Campaign.objects.filter(is_test=True).count() == 1
    assert AuditEntry.objects.filter(action="tested").count() == 1


def test_a_form_that_made_something_else_sends_nothing(draft: Campaign) -> None:
    token = uuid.uuid4()
    copying.clone(draft.pk, form_token=token)
    with pytest.raises(InvalidDraft):
        testing.send(draft.pk, [OURS], form_token=token)


def test_what_a_provider_keeps_cannot_be_tried(sandbox: Sandbox) -> None:
    kept = Campaign(line=lines.line("ippanel", sandbox), text="سلام")
    assert testing.why_not(kept)
    assert not testing.why_not(Campaign(line=builders.line(builders.account(sandbox)), text="سلام"))


def test_a_test_that_comes_to_nothing_cannot_be_made_a_campaign(draft: Campaign) -> None:
    """It needs no approval, so nobody may give it another audience."""
    test = testing.send(draft.pk, [OURS])
    Campaign.objects.move(test.pk, CampaignStatus.DRAFT)
    with pytest.raises(InvalidDraft):
        drafting.revise(test.pk, rules=list(draft.rules.all()), name="x", text="x", line=draft.line)
    with pytest.raises(InvalidDraft):
        testing.send(test.pk, [OURS])


def test_a_test_counts_for_nobodys_cap(sandbox: Sandbox, draft: Campaign) -> None:
    send_out(testing.send(draft.pk, [builders.phone(0)]))
    Campaign.objects.filter(pk=draft.pk).update(sample_size=None, pilot_size=None)
    lifecycle.launch(draft.pk)
    lifecycle.prepare(draft.pk)
    builders.send_all(draft)
    assert builders.counts(draft) == {"accepted": 3}


def test_the_numbers_of_ones_own_last_test_are_remembered(draft: Campaign) -> None:
    mine, theirs = User.objects.create(username="me"), User.objects.create(username="they")
    testing.send(draft.pk, [OURS], mine)
    testing.send(draft.pk, [builders.phone(9)], theirs)
    assert testing.last_numbers(mine) == [OURS]
    assert testing.last_numbers(None) == []
