"""The dashboard: what needs a person, in the order of its urgency, and what came of the last days."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.fixtures import Settings

from campaigns.models import Approval, Campaign, StatusCount, TimelinePoint
from campaigns.states import CampaignStatus, MessageStatus
from campaigns.views.needs import SHOWN, Need
from contacts.models import BulkAction, ContactImport
from providers.models import ProviderAccount, Tariff
from tests import builders
from tests.campaigns.screens import campaign_in, client_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader() -> Client:
    return client_of("reader")


def needs_of(client: Client) -> list[Need]:
    found: list[Need] = client.get("/", headers={"Accept-Language": "en"}).context["needs"]
    return found


def paused(code: str) -> Campaign:
    campaign = campaign_in(CampaignStatus.RUNNING)
    Campaign.objects.move(campaign.pk, CampaignStatus.PAUSED, pause_code=code, pause_text="words")
    return campaign


def late() -> None:
    campaign = campaign_in(CampaignStatus.SCHEDULED)
    Campaign.objects.filter(pk=campaign.pk).update(pause_code=Campaign.LATE)


def unclear() -> None:
    campaign = campaign_in(CampaignStatus.COMPLETED_WITH_PROBLEMS)
    StatusCount.objects.create(campaign=campaign, status=MessageStatus.UNKNOWN, messages=7)


def stopped_account() -> None:
    ProviderAccount.objects.open_breaker(builders.account(name="stopped").pk, "418", "no credit")


def low_credit() -> None:
    line = builders.line(builders.account(name="poor", credit=10_000, low_credit=50_000))
    Tariff.objects.create(line=line, rial_per_part=1_000)


def failed_import() -> None:
    ContactImport.objects.create(filename="a.csv", path="", status=ContactImport.Status.FAILED)


CASES: list[tuple[Callable[[], Any], str, str]] = [
    (stopped_account, "breaker", "error"),
    (lambda: paused("refused_request"), "stopped", "error"),
    (late, "late", "warning"),
    (unclear, "unclear", "warning"),
    (lambda: paused("pilot"), "pilot", "warning"),
    (low_credit, "credit", "warning"),
    (failed_import, "import", "error"),
]


@pytest.mark.parametrize(("make", "kind", "level"), CASES, ids=[kind for _make, kind, _level in CASES])
def test_what_stands_still_is_told_with_the_way_to_settle_it(
    reader: Client, make: Callable[[], Any], kind: str, level: str
) -> None:
    assert needs_of(reader) == []
    make()
    need = needs_of(reader)[0]
    assert (need.kind, need.level) == (kind, level)
    assert reader.get(need.link).status_code == 200


def test_needs_stand_in_the_order_of_their_urgency(reader: Client) -> None:
    for make, _kind, _level in reversed(CASES):
        make()
    assert [need.kind for need in needs_of(reader)] == [kind for _make, kind, _level in CASES]


def test_only_who_may_decide_is_asked_to_decide(reader: Client) -> None:
    late()
    unclear()
    decides = client_of("launcher", "launch_campaign")
    for client, action in ((reader, "Look at it"), (decides, "Decide")):
        client.cookies["django_language"] = "en"
        assert [need.action for need in needs_of(client)] == [action] * 2


def test_a_campaign_that_a_person_paused_needs_nobody(reader: Client) -> None:
    paused("operator")
    assert needs_of(reader) == []


def test_what_waits_for_a_stopped_account_is_counted(reader: Client) -> None:
    campaign = campaign_in(CampaignStatus.RUNNING, 3)
    ProviderAccount.objects.open_breaker(campaign.line.account_id, "418", "no credit")
    need = needs_of(reader)[0]
    assert (need.words, need.code) == ("no credit", "418")
    assert any(digit in need.facts for digit in "3۳")


def test_low_credit_says_how_far_it_reaches(reader: Client) -> None:
    low_credit()
    reader.cookies["django_language"] = "en"
    assert needs_of(reader)[0].facts == "10,000 rials left · enough for about 10 more messages"


def test_of_many_alike_a_few_are_told_and_the_way_to_the_rest(reader: Client) -> None:
    for _ in range(SHOWN + 2):
        failed_import()
    kinds = [need.kind for need in needs_of(reader)]
    assert kinds == ["import"] * SHOWN + ["more"]


def approval_by(name: str) -> Approval:
    campaign = campaign_in(CampaignStatus.PENDING_APPROVAL)
    asker = User.objects.get_or_create(username=name)[0]
    return Approval.objects.create(campaign=campaign, seal="0" * 64, facts={"recipients": 3}, requested_by=asker)


@pytest.mark.parametrize(("setting", "number"), [("optional", 2), ("required", 2), ("four_eyes", 1)])
def test_an_approval_waits_for_who_may_give_it(settings: Settings, setting: str, number: int) -> None:
    settings.APPROVAL = setting
    approver, other = client_of("approver", "approve_campaign"), client_of("other")
    approval_by("approver")
    approval_by("writer")
    assert [need.kind for need in needs_of(approver)] == ["approval"] * number
    assert needs_of(other) == []


def test_a_draft_is_gone_on_with_by_who_began_it() -> None:
    writer, other = (client_of(name, "change_campaign") for name in ("writer", "other"))
    draft = campaign_in(CampaignStatus.DRAFT)
    begun = {"created_by": User.objects.get(username="writer"), "composed_to": "text"}
    Campaign.objects.filter(pk=draft.pk).update(**begun)
    assert [(need.kind, need.link) for need in needs_of(writer)] == [("draft", f"/campaigns/{draft.pk}/edit/")]
    assert needs_of(other) == []


def test_a_failed_export_is_told_to_who_asked_for_it(reader: Client) -> None:
    asker = User.objects.get(username="reader")
    for user in (asker, User.objects.create_user("other")):
        BulkAction.objects.create(kind="export", status="failed", created_by=user)
    assert [need.kind for need in needs_of(reader)] == ["action"]


def test_the_chart_shows_seven_or_thirty_days(reader: Client) -> None:
    campaign = campaign_in(CampaignStatus.RUNNING)
    for ago, messages in ((0, 5), (3, 40), (20, 300)):
        at = timezone.now().replace(second=0, microsecond=0) - dt.timedelta(days=ago)
        TimelinePoint.objects.create(campaign=campaign, at=at, status=MessageStatus.DELIVERED, messages=messages)
    for query, length, total in (("", 7, 45), ("?days=30", 30, 345), ("?days=9999", 7, 45)):
        page = reader.get(f"/{query}", headers={"HX-Request": "true", "HX-Target": "deliveries"})
        delivered = page.context["chart"]["series"][1]["values"]
        assert (len(delivered), sum(delivered)) == (length, total), query
        assert b"<html" not in page.content


def test_a_day_that_is_over_is_added_up_once(reader: Client) -> None:
    campaign_in(CampaignStatus.COMPLETED)
    queries = []
    for _ in range(2):
        with CaptureQueriesContext(
            connection,
        ) as captured:
            reader.get("/?days=30", headers={"HX-Request": "true", "HX-Target": "deliveries"})
        queries.append(sum("timelinepoint" in query["sql"] for query in captured.captured_queries))
    assert queries == [2, 1]


def test_the_page_asks_as_often_with_one_of_everything_as_with_many(reader: Client) -> None:
    user = User.objects.get(username="reader")
    user.user_permissions.set(Permission.objects.filter(codename__in=["approve_campaign", "change_campaign"]))
    numbers = []
    for _ in range(2):
        for make, _kind, _level in CASES[1:5] + CASES[6:]:
            make()
        approval_by("writer")
        reader.get("/")
        with CaptureQueriesContext(connection) as captured:
            reader.get("/")
        numbers.append(len(captured))
    assert numbers[0] == numbers[1]


def test_a_test_is_not_among_the_campaigns(reader: Client) -> None:
    campaign = campaign_in(CampaignStatus.COMPLETED)
    assert len(reader.get("/").context["recent"]) == 1
    Campaign.objects.filter(pk=campaign.pk).update(is_test=True)
    assert reader.get("/").context["recent"] == []
