"""Account failover: another line takes over what provably was not sent, and nothing else."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from campaigns import checking
from campaigns.drafting import InvalidDraft
from campaigns.models import AuditEntry, Batch, Campaign
from campaigns.sending.claiming import can_send
from contacts.models import Suppression
from providers.models import ProviderAccount, SenderLine, UploadedFile
from providers.sandbox import Sandbox
from tests import builders
from tests.campaigns import lines

PERSONAL = "سلام {first_name|دوست}"  # so that Najva's requests are told from those of the others
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def first(sandbox: Sandbox) -> SenderLine:
    return builders.line(builders.account(sandbox, batch_size=10))


@pytest.fixture
def second(sandbox: Sandbox) -> SenderLine:
    return lines.line("gosms", sandbox)


def campaign_over(first: SenderLine, second: SenderLine, size: int = 32, **fields: object) -> Campaign:
    rule = builders.include(builders.phonebook(builders.contacts(size)))
    return builders.running(first, rule, failover_line=second, **fields)


def by_provider(sandbox: Sandbox) -> dict[str, int]:
    found: dict[str, int] = {}
    for taken in sandbox.ledger.taken:
        found[taken.provider] = found.get(taken.provider, 0) + len(taken.phones)
    return found


def test_what_a_refused_account_has_not_sent_goes_out_on_the_other_line(
    sandbox: Sandbox, first: SenderLine, second: SenderLine
) -> None:
    sandbox.behaviour.gosms_rate = lines.FAST
    campaign = campaign_over(first, second, text=PERSONAL)
    sandbox.faults.add("no_credit", "p2p", ordinals=range(2, 100))
    builders.send_all(campaign)
    builders.time_passes()
    builders.send_all(campaign)
    assert builders.counts(campaign) == {"accepted": 32}
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL
    assert by_provider(sandbox)["gosms"] >= 28
    [entry] = AuditEntry.objects.filter(action="failed_over")
    assert entry.facts == {"line": second.pk, "code": "418"}


def test_what_is_unclear_stays_where_it_was_sent(sandbox: Sandbox, first: SenderLine, second: SenderLine) -> None:
    sandbox.behaviour.gosms_rate = lines.FAST
    campaign = campaign_over(first, second, 52, text=PERSONAL)
    sandbox.faults.add("close_after_accept", "p2p", ordinals=range(2, 100))
    builders.send_all(campaign)
    assert builders.counts(campaign) == {"accepted": 22, "unknown": 30}
    assert by_provider(sandbox) == {"najva": 32, "gosms": 20}
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL


def test_a_batch_that_may_be_repeated_with_its_key_is_not_handed_over(sandbox: Sandbox) -> None:
    bale = lines.line("safir", sandbox)
    other = SenderLine.objects.create(
        account=lines.account("safir", sandbox, name="other"), sender="7654321", channel="bale", kind="service"
    )
    campaign = campaign_over(bale, other, 6)
    sandbox.faults.add("500", "safir_send", times=30, taken=True)
    builders.send_all(campaign)
    sandbox.faults.clear()
    ProviderAccount.objects.filter(pk=bale.account_id).update(breaker="open", probe_at=None)
    Batch.objects.update(not_before=None)
    builders.send_all(campaign)
    assert not Batch.objects.filter(doubts__gt=0, line=other).exists()
    assert by_provider(sandbox)["safir"] < 6
    assert builders.wrongs(sandbox, campaign)["twice"] == set()


def test_the_first_line_goes_on_with_the_rest_when_its_account_is_back(
    sandbox: Sandbox, first: SenderLine, second: SenderLine
) -> None:
    campaign = campaign_over(first, second)
    ProviderAccount.objects.filter(pk=first.account_id).update(enabled=False)
    Batch.objects.filter(number__gt=1).update(not_before=timezone.now() + dt.timedelta(hours=1))
    builders.send_all(campaign)
    assert by_provider(sandbox) == {"gosms": 12}
    ProviderAccount.objects.filter(pk=first.account_id).update(enabled=True)
    builders.time_passes()
    builders.send_all(campaign)
    assert by_provider(sandbox)["najva"] == 20


def test_a_closed_window_is_no_reason_to_take_over(sandbox: Sandbox, first: SenderLine, second: SenderLine) -> None:
    campaign = campaign_over(first, second)
    SenderLine.objects.filter(pk=first.pk).update(kind="advertising", window_start="00:00", window_end="00:00:01")
    campaign = Campaign.objects.select_related("line__account", "failover_line__account").get(pk=campaign.pk)
    assert not can_send(campaign)
    assert builders.send_all(campaign) == "window"


def test_the_text_gets_the_suffix_of_the_line_that_takes_over(
    sandbox: Sandbox, first: SenderLine, second: SenderLine
) -> None:
    SenderLine.objects.filter(pk=second.pk).update(kind="advertising", window_start="00:00", window_end="00:00")
    campaign = campaign_over(first, second, 2)
    ProviderAccount.objects.filter(pk=first.account_id).update(enabled=False)
    builders.send_all(campaign)
    assert set(builders.texts_to(sandbox, builders.phone(0))) == {"سلام\nلغو11"}


def test_a_number_that_is_suppressed_for_the_other_line_is_left_out(
    sandbox: Sandbox, first: SenderLine, second: SenderLine
) -> None:
    SenderLine.objects.filter(pk=second.pk).update(kind="advertising", window_start="00:00", window_end="00:00")
    campaign = campaign_over(first, second, 2)
    Suppression.objects.create(phone=builders.phone(1), scope="advertising", reason="blocked")
    ProviderAccount.objects.filter(pk=first.account_id).update(enabled=False)
    builders.send_all(campaign)
    assert builders.counts(campaign) == {"accepted": 1, "skipped": 1}


def test_a_line_that_cannot_take_over_is_refused(sandbox: Sandbox, first: SenderLine) -> None:
    sister = builders.line(first.account, "90000999")
    rule = builders.include(builders.phonebook(builders.contacts(1)))
    for other in (sister, lines.line("safir", sandbox), lines.line("ippanel", sandbox)):
        with pytest.raises(InvalidDraft):
            builders.draft(first, rule, failover_line=other)


def test_a_file_keeps_a_campaign_with_its_account(sandbox: Sandbox) -> None:
    bale, other = lines.line("safir", sandbox), lines.account("safir", sandbox, name="other")
    stand_in = SenderLine.objects.create(account=other, sender="7654321", channel="bale", kind="service")
    draft = Campaign(line=bale, failover_line=stand_in, text="سلام", file=UploadedFile())
    assert checking.failover_problems(draft)
    draft.file = None
    assert not checking.failover_problems(draft)
