"""The reports on bulks: what comes late, in part, masked or twice takes nobody out of the accounting."""

from __future__ import annotations

import datetime as dt
from array import array
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from django.utils import timezone

from campaigns import lifecycle
from campaigns.delivery import bulks, listing
from campaigns.models import AudienceRule, Batch, Bulk, Campaign, Message
from campaigns.states import CampaignStatus
from contacts.models import Contact
from providers.models import SenderLine
from providers.sandbox import Sandbox, ippanel, ippanel_bulks
from providers.sandbox.ledger import Taken
from providers.sandbox.side import Reply
from tests import builders
from tests.campaigns import lines

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sandbox(sandbox: Sandbox) -> Sandbox:
    sandbox.behaviour.sent_after = sandbox.behaviour.final_after = 0.0
    return sandbox


@pytest.fixture
def over(sandbox: Sandbox) -> SenderLine:
    return lines.line("ippanel", sandbox)


def sent(over: SenderLine, size: int = 20) -> Campaign:
    """A campaign to the first numbers of a phonebook of the provider's, which has taken its request."""
    rule = AudienceRule(kind=AudienceRule.Kind.PROVIDER, params={"phonebooks": ["123654"], "size": size})
    campaign = builders.running(over, rule)
    builders.send_all(campaign)
    return builders.refreshed(campaign)


def follow(bulk: Bulk) -> None:
    """Look at a bulk as if its time had come, unless it is followed no more."""
    Bulk.objects.filter(pk=bulk.pk, poll_at__isnull=False).update(poll_at=timezone.now() - dt.timedelta(seconds=1))
    bulks.follow(bulk.pk)
    lifecycle.finish(bulk.batch.campaign_id)


def look(campaign: Campaign, rounds: int = 1) -> Campaign:
    for _ in range(rounds):
        for bulk in Bulk.objects.filter(batch__campaign=campaign):
            follow(bulk)
    return builders.refreshed(campaign)


def split(sandbox: Sandbox, over: SenderLine, *, size: int, first: int, ends: int) -> tuple[Campaign, Bulk, Bulk]:
    """A request that the provider made two bulks of: the first with so many recipients, the second ends so."""
    campaign = sent(over, size)
    taken = sandbox.ledger.taken[0]
    rest, taken.phones = array("q", taken.phones[first:]), array("q", taken.phones[:first])
    facts = {**taken.facts, "ends": ends}
    origin = {"provider": taken.provider, "sender": taken.sender, "token": taken.token}
    other = sandbox.ledger.take(rest, taken.texts, facts=facts, **origin)
    batch = Batch.objects.get(campaign=campaign)
    bulk = Bulk.objects.create(batch=batch, provider_ref=str(other.first_id), poll_at=timezone.now())
    return campaign, Bulk.objects.get(provider_ref=str(taken.first_id)), bulk


def change_rows(monkeypatch: pytest.MonkeyPatch, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Have the sandbox change the rows of its lists."""
    whole = ippanel._page

    def page(rows: Sequence[Any], paged: tuple[int, int], write: Callable[[Any], dict[str, Any]]) -> Reply:
        return whole(rows, paged, lambda row: change(write(row)))

    monkeypatch.setattr(ippanel, "_page", page)


def mask(row: dict[str, Any]) -> dict[str, Any]:
    phone = row.get("recipient", "")
    return {**row, "recipient": f"{phone[:6]}***{phone[-4:]}"} if phone else row


def keep_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the sandbox tell nothing of a bulk's recipients but their list."""
    whole = ippanel_bulks.Bulks.row

    def row(self: ippanel_bulks.Bulks, taken: Taken) -> Mapping[str, Any]:
        return {**whole(self, taken), "rcpts_count": None}

    monkeypatch.setattr(ippanel_bulks.Bulks, "row", row)


def test_a_report_that_is_not_there_yet_removes_nobody(
    sandbox: Sandbox, over: SenderLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(ippanel_bulks.Bulks, "reported", lambda self, taken: ())
        campaign = look(sent(over), rounds=2)
    assert (campaign.status, builders.counts(campaign)) == (CampaignStatus.RUNNING, {"accepted": 20})
    campaign = look(campaign)
    assert (campaign.audience, builders.counts(campaign)) == (20, {"delivered": 20})
    assert campaign.status == CampaignStatus.COMPLETED


def test_a_report_that_is_sorted_anew_between_two_pages_lists_everybody_in_the_end(
    sandbox: Sandbox, over: SenderLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def shifted(self: ippanel_bulks.Bulks, taken: Taken) -> Sequence[int]:
        calls.append(taken)
        return taken.phones if len(calls) % 2 else [taken.phones[-1], *taken.phones[:-1]]

    monkeypatch.setattr(ippanel_bulks.Bulks, "reported", shifted)
    campaign = look(sent(over, 200))
    assert builders.counts(campaign) == {"delivered": 199, "accepted": 1}
    campaign = look(campaign)
    assert (campaign.audience, builders.counts(campaign)) == (200, {"delivered": 200})
    assert Message.objects.count() == 200


def test_masked_numbers_are_still_recipients(
    sandbox: Sandbox, over: SenderLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_rows(monkeypatch, mask)
    campaign = look(sent(over))
    assert (campaign.audience, builders.counts(campaign)) == (20, {"accepted": 20})
    assert campaign.status == CampaignStatus.COMPLETED
    assert not Message.objects.exists()


def test_the_erased_do_not_come_back_with_the_next_look(sandbox: Sandbox, over: SenderLine) -> None:
    campaign = sent(over)
    Bulk.objects.update(state="sent")
    sandbox.behaviour.final_after = 3600.0  # they are listed, and asked for further
    look(campaign)
    message = Message.objects.order_by("pk")[0]
    Message.objects.filter(pk=message.pk).update(phone=None, contact=None)
    campaign = look(campaign)
    assert not Message.objects.filter(phone=message.phone).exists()
    assert (campaign.audience, builders.counts(campaign)) == (20, {"sent": 20})


@pytest.mark.parametrize("order", [(0, 1, 0), (1, 0, 0)])
def test_one_rejected_bulk_of_two_fails_exactly_its_share(
    sandbox: Sandbox, over: SenderLine, order: tuple[int, ...]
) -> None:
    campaign, *both = split(sandbox, over, size=20, first=12, ends=3)
    for index in order:
        follow(both[index])
    assert Bulk.objects.get(pk=both[1].pk).state == "rejected"
    assert builders.counts(campaign) == {"delivered": 12, "failed": 8}
    assert builders.refreshed(campaign).status == CampaignStatus.COMPLETED_WITH_PROBLEMS
    assert list(Batch.objects.order_by("number").values_list("size", "accepted", "code")) == [
        (12, 12, ""),
        (8, 0, "state-3"),
    ]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_rejected_bulk_without_a_number_fails_what_the_others_leave(
    sandbox: Sandbox, over: SenderLine, monkeypatch: pytest.MonkeyPatch, order: tuple[int, ...]
) -> None:
    campaign, *both = split(sandbox, over, size=20, first=12, ends=3)
    keep_quiet(monkeypatch)
    Bulk.objects.filter(pk=both[0].pk).update(state="sent", recipients=12)
    for index in order:
        follow(both[index])
    assert builders.counts(campaign) == {"delivered": 12, "failed": 8}


def test_two_rejected_bulks_fail_everybody(sandbox: Sandbox, over: SenderLine) -> None:
    campaign, first, second = split(sandbox, over, size=20, first=12, ends=3)
    follow(second)
    taken = sandbox.ledger.taken[0]
    taken.facts = {**taken.facts, "ends": 8}
    follow(first)
    assert builders.counts(campaign) == {"failed": 20}
    assert set(Batch.objects.values_list("code", flat=True)) == {"state-3", "state-8"}


def test_two_sent_bulks_are_both_read_before_anything_is_missing(sandbox: Sandbox, over: SenderLine) -> None:
    campaign, first, second = split(sandbox, over, size=340, first=190, ends=6)
    sandbox.faults.add("html", "ippanel_recipients", ordinals=[2])
    follow(second)  # its first page of two
    assert Message.objects.count() == 100
    follow(first)
    found = builders.refreshed(campaign)
    assert (found.status, found.audience) == (CampaignStatus.RUNNING, 340)
    follow(second)
    assert builders.counts(campaign) == {"delivered": 340}


def test_a_report_without_a_number_to_hold_it_against_is_believed_after_days(
    sandbox: Sandbox, over: SenderLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_quiet(monkeypatch)
    campaign = sent(over)
    del sandbox.ledger.taken[0].phones[15:]
    campaign = look(campaign, rounds=2)
    assert builders.counts(campaign) == {"delivered": 15, "accepted": 5}
    assert campaign.status == CampaignStatus.RUNNING
    Bulk.objects.update(poll_round=listing.PATIENT)
    campaign = look(campaign)
    assert (campaign.audience, builders.counts(campaign)) == (15, {"delivered": 15})
    assert campaign.status == CampaignStatus.COMPLETED


def test_whom_a_bulk_counts_and_never_lists_stays_accepted(
    sandbox: Sandbox, over: SenderLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ippanel_bulks.Bulks, "reported", lambda self, taken: taken.phones[:15])
    campaign = look(sent(over), rounds=2)
    Bulk.objects.update(poll_round=listing.PATIENT)
    campaign = look(campaign)
    assert (campaign.audience, builders.counts(campaign)) == (20, {"delivered": 15, "accepted": 5})
    assert (campaign.status, Bulk.objects.get().poll_at) == (CampaignStatus.COMPLETED, None)


def test_a_bulk_that_was_sent_after_a_long_wait_has_all_its_looks_for_the_report(
    sandbox: Sandbox, over: SenderLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = sent(over)
    Bulk.objects.update(poll_round=len(bulks.PLAN) + 3)
    with monkeypatch.context() as patched:
        patched.setattr(ippanel_bulks.Bulks, "reported", lambda self, taken: ())
        look(campaign)
    assert Bulk.objects.get().poll_round == bulks.SETTLED
    assert builders.counts(look(campaign)) == {"delivered": 20}


def test_listed_recipients_are_linked_to_our_contacts(sandbox: Sandbox, over: SenderLine) -> None:
    campaign = sent(over)
    phone = f"+{sandbox.ledger.taken[0].phones[0]}"
    contact = Contact.objects.create(phone=phone)
    look(campaign)
    assert Message.objects.get(phone=phone).contact_id == contact.pk
