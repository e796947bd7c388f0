"""The breakdowns of a campaign's page: by operator, by account, why messages were lost, and what all of it costs."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from django.db.models import F
from django.test import Client
from django.utils import timezone

from campaigns import tallying
from campaigns.auditing import note
from campaigns.delivery import applying, events
from campaigns.models import AuditEntry, Batch, Campaign, DeliveryEvent, Message, StatusCount, Tally, TimelinePoint
from campaigns.states import CampaignStatus, MessageStatus, Reason
from contacts.models import Operator
from providers.answers import Report, StatusReport
from providers.models import ProviderAccount, Tariff
from providers.sandbox import Sandbox
from tests import builders
from tests.campaigns.screens import campaign_in, owner

pytestmark = pytest.mark.django_db
S = CampaignStatus


@pytest.fixture
def client() -> Client:
    return owner()


def lose(campaign: Campaign, status: MessageStatus, reason: Reason, code: str, rows: slice) -> None:
    """Let some messages stand as lost, and have the campaign tallied anew."""
    ids = list(Message.objects.of(campaign).order_by("pk").values_list("pk", flat=True)[rows])
    facts = {"status": status, "reason": reason, "provider_code": code, "account": campaign.line.account_id}
    Message.objects.filter(pk__in=ids).update(**facts)
    StatusCount.objects.create(campaign=campaign, status=status, messages=len(ids))
    Campaign.objects.filter(pk=campaign.pk).update(tallied_at=None)


def test_a_reason_says_what_it_means_and_what_to_do_and_leads_to_its_recipients(client: Client) -> None:
    campaign = campaign_in(S.COMPLETED, 12)
    lose(campaign, MessageStatus.UNDELIVERED, Reason.REPORTED, "11", slice(0, 5))
    lose(campaign, MessageStatus.FAILED, Reason.REFUSED_RECIPIENT, "", slice(5, 7))
    losses = client.get(f"/campaigns/{campaign.pk}/").context["losses"]
    assert [(loss.messages, loss.code) for loss in losses] == [(5, "11"), (2, "")]
    assert all(loss.meaning and loss.next_step for loss in losses)
    for loss in losses:
        rows = client.get(loss.url.partition("#")[0]).context["page"].rows
        assert len(rows) == loss.messages


UNSENT = ("SUPPRESSED", "OPTED_OUT", "CAPPED", "INVALID_FOR_PROVIDER", "EMPTY_TEXT", "TEXT_REFUSED", "OFF_CHANNEL")


@pytest.mark.parametrize("name", UNSENT)
def test_what_no_provider_gave_a_code_has_a_next_step_all_the_same(client: Client, name: str) -> None:
    campaign = campaign_in(S.COMPLETED)
    lose(campaign, MessageStatus.SKIPPED, Reason[name], "", slice(0, 1))
    (loss,) = client.get(f"/campaigns/{campaign.pk}/").context["losses"]
    assert loss.meaning == Reason[name].label
    assert loss.next_step


def test_what_it_cost_and_what_came_back_is_told_in_all_and_in_parts(client: Client, sandbox: Sandbox) -> None:
    sandbox.behaviour.price = 900
    campaign = builders.campaign_of(sandbox, 12)
    builders.send_all(campaign)
    refs = [str(ref) for ref in Message.objects.of(builders.refreshed(campaign)).values_list("provider_ref", flat=True)]
    reports = [StatusReport(ref, Report.DELIVERED if n else Report.BLOCKED, "1") for n, ref in enumerate(refs[:7])]
    events.store(campaign.line.account_id, reports, DeliveryEvent.Source.WEBHOOK)
    applying.apply()
    context = client.get(f"/campaigns/{campaign.pk}/").context
    (operator,), (account,) = context["operators"], context["accounts"]
    for part in (operator, account):
        assert (part.messages, part.taken, part.cost, part.refunded) == (12, 12, 11 * 900, 900)
        assert part.share == 0.5
    assert (operator.label, account.label) == (Operator.MCI.label, str(campaign.line.account))
    assert (context["account"].cost, context["refunded"]) == (11 * 900, 900)


def test_the_dialogs_tell_how_many_wait_and_what_they_cost(client: Client) -> None:
    campaign = campaign_in(S.RUNNING)
    Tariff.objects.create(line=campaign.line, rial_per_part=1_000)
    html = client.get(f"/campaigns/{campaign.pk}/").content.decode()
    for dialog in ("pause", "cancel"):
        said = html.partition(f'<dialog id="{dialog}"')[2].partition("</dialog>")[0]
        assert re.search(r'class="open-count">۳<', said), dialog
        assert re.search(r'class="open-cost">[^<]*۳٬۰۰۰', said), dialog


def test_what_waits_is_counted_anew_in_the_open_dialogs(client: Client) -> None:
    campaign = campaign_in(S.RUNNING)
    Tariff.objects.create(line=campaign.line, rial_per_part=1_000)
    Batch.objects.filter(campaign=campaign).update(pending=1, size=1)
    html = client.get(f"/campaigns/{campaign.pk}/live/?seen=x").content.decode()
    assert re.search(r'innerHTML:.open-cost">[^<]*۲٬۰۰۰', html)


def test_a_large_campaign_is_not_counted_by_its_page(client: Client) -> None:
    campaign = campaign_in(S.RUNNING)
    Campaign.objects.filter(pk=campaign.pk).update(
        audience=tallying.SMALL + 1, tally_at=timezone.now() + dt.timedelta(1)
    )
    context = client.get(f"/campaigns/{campaign.pk}/live/").context
    assert context["operators"] == []
    assert not Tally.objects.exists()
    assert tallying.due() == [campaign.pk]  # the worker does it


def test_the_chart_has_its_numbers_as_a_table(client: Client) -> None:
    campaign = campaign_in(S.RUNNING)
    at = timezone.now().replace(second=0, microsecond=0)
    TimelinePoint.objects.create(campaign=campaign, at=at, status=MessageStatus.DELIVERED, messages=7)
    course = client.get(f"/campaigns/{campaign.pk}/").context["chart"]
    assert [numbers for _label, numbers in course.rows] == [[0, 7, 0]]


def test_a_day_long_course_tells_the_day_too(client: Client) -> None:
    campaign = campaign_in(S.RUNNING)
    for hours in (0, 30):
        at = timezone.now().replace(second=0, microsecond=0) - dt.timedelta(hours=hours)
        TimelinePoint.objects.create(campaign=campaign, at=at, status=MessageStatus.DELIVERED, messages=7)
    course = client.get(f"/campaigns/{campaign.pk}/").context["chart"]
    assert all("/" in label for label, _numbers in course.rows)


@pytest.mark.parametrize("status", [S.DRAFT, S.RUNNING, S.COMPLETED])
def test_a_campaign_of_an_unknown_provider_has_a_clear_page(client: Client, status: CampaignStatus) -> None:
    campaign = campaign_in(status)
    ProviderAccount.objects.update(slug="pigeon")
    response = client.get(f"/campaigns/{campaign.pk}/")
    assert response.status_code == 200
    assert response.context["stranger"] == campaign.line.account
    assert "pigeon" in response.content.decode()
    assert client.get(f"/campaigns/{campaign.pk}/live/").headers["HX-Refresh"] == "true"
    assert client.get("/campaigns/").status_code == 200


def test_the_log_is_read_back_to_its_first_entry(client: Client) -> None:
    campaign = campaign_in(S.RUNNING)
    AuditEntry.objects.all().delete()
    for n in range(30):
        note("paused" if n % 2 else "resumed", campaign.pk)
    seen: list[int] = []
    older: str | None = ""
    while older is not None:
        context = client.get(f"/campaigns/{campaign.pk}/?log={older}").context
        seen += [done.entry.pk for done in context["history"]]
        older = context["log_older"]
    assert seen == sorted(AuditEntry.objects.values_list("pk", flat=True), reverse=True)


def test_the_log_tells_that_an_account_was_stopped_once(client: Client, sandbox: Sandbox) -> None:
    campaign = builders.campaign_of(sandbox, 102)
    sandbox.faults.add("close_after_accept", "send", ordinals=range(2, 100))
    for _probe in range(2):
        builders.send_all(campaign)
        builders.time_passes()
    actions = [done.entry.action for done in client.get(f"/campaigns/{campaign.pk}/").context["history"]]
    assert actions.count("account_stopped") == 1


def test_what_was_made_of_a_campaign_and_its_tests_are_named(client: Client) -> None:
    campaign = campaign_in(S.COMPLETED)
    copy, trial = campaign_in(S.DRAFT), campaign_in(S.COMPLETED)
    Campaign.objects.filter(pk__in=[copy.pk, trial.pk]).update(made_from=campaign)
    Campaign.objects.filter(pk=trial.pk).update(is_test=True)
    context = client.get(f"/campaigns/{campaign.pk}/").context
    assert (context["made"], context["tests"]) == ([copy], [trial])
    assert client.get(f"/campaigns/{trial.pk}/").context["made_from"] == campaign


def test_a_tally_that_is_old_is_brought_up_to_date_by_the_page(client: Client) -> None:
    campaign = campaign_in(S.RUNNING)
    client.get(f"/campaigns/{campaign.pk}/")
    Campaign.objects.update(tallied_at=F("tallied_at") - dt.timedelta(minutes=5))
    before = Campaign.objects.get().tallied_at
    client.get(f"/campaigns/{campaign.pk}/live/")
    assert Campaign.objects.get().tallied_at == before  # nothing has moved
    TimelinePoint.objects.create(campaign=campaign, at=timezone.now(), status=MessageStatus.SENT, messages=1)
    client.get(f"/campaigns/{campaign.pk}/live/")
    tallied = Campaign.objects.get().tallied_at
    assert before is not None
    assert tallied is not None
    assert tallied > before
