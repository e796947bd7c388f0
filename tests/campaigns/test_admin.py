"""Campaigns in the admin: what may be looked at, composed and moved there, and what may not be touched."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from django_q.models import OrmQ, Schedule
from pytest_django import DjangoAssertNumQueries

from campaigns.models import (
    Attempt,
    AudienceRule,
    AuditEntry,
    Batch,
    Bulk,
    Campaign,
    DeliveryEvent,
    Heartbeat,
    Message,
)
from campaigns.states import CampaignStatus
from tests import builders
from tests.campaigns import lines
from tests.campaigns.screens import campaign_in

pytestmark = pytest.mark.django_db
MODELS = [
    *("campaign", "audiencerule", "batch", "bulk", "attempt", "message"),
    *("statuscount", "timelinepoint", "deliveryevent", "auditentry", "segment", "leftout"),
]


@pytest.fixture
def client() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root", password="irrelevant"))
    return client


def event(campaign: Campaign) -> DeliveryEvent:
    return DeliveryEvent.objects.create(
        account=campaign.line.account, provider_ref="777", report="sent", code="4", received_at=timezone.now()
    )


def written(campaign: Campaign) -> None:
    """What the machine writes of a campaign: a report, a bulk, an earlier try."""
    event(campaign)
    Bulk.objects.create(batch=Batch.objects.all()[0], provider_ref="1", state="rejected", code="state-3")
    Attempt.objects.create(message_id=campaign.first_message_id or 0, line=campaign.line, code="17")


@pytest.mark.parametrize("model", [*MODELS, "heartbeat"])
def test_every_model_has_its_list_and_its_search(client: Client, model: str) -> None:
    written(campaign_in(CampaignStatus.RUNNING))
    Heartbeat.objects.create(name="worker", beat_at=timezone.now())
    for query in ("", "?q=x", "?q=09120000001", f"?q={'9' * 40}", "?p=999"):
        response = client.get(f"/admin/campaigns/{model}/{query}")
        assert response.status_code in (200, 302), query
    for row in admin.site.get_model_admin(_model(model)).get_queryset(response.wsgi_request)[:1]:
        assert client.get(f"/admin/campaigns/{model}/{row.pk}/change/").status_code == 200


def _model(name: str) -> Any:
    from django.apps import apps

    return apps.get_model("campaigns", name)


def found(client: Client, model: str, query: str) -> list[Any]:
    return list(client.get(f"/admin/campaigns/{model}/", {"q": query}).context["cl"].result_list)


@pytest.mark.parametrize("typed", ["09120000001", "۰۹۱۲ ۰۰۰ ۰۰۰۱", "+989120000001"])
def test_a_message_is_found_by_its_number_in_any_form(client: Client, typed: str) -> None:
    campaign_in(CampaignStatus.RUNNING)
    assert [message.phone for message in found(client, "message", typed)] == [builders.phone(1)]


def test_a_message_and_its_events_are_found_by_the_providers_id(client: Client) -> None:
    campaign = campaign_in(CampaignStatus.RUNNING)
    first = Message.objects.of(campaign).filter(phone=builders.phone(0))
    builders.known_by("777", first.get(), campaign.line.account)
    assert found(client, "message", "777") == list(first)
    reported = event(campaign)
    assert found(client, "deliveryevent", "777") == [reported]


@pytest.mark.parametrize("model", ["message", "deliveryevent", "auditentry", "batch", "statuscount", "bulk", "attempt"])
def test_what_the_machine_wrote_cannot_be_changed(client: Client, model: str) -> None:
    written(campaign_in(CampaignStatus.RUNNING))
    row = _model(model).objects.first()
    for path, status in ((f"{row.pk}/change/", 200), (f"{row.pk}/delete/", 403), ("add/", 403)):
        assert client.get(f"/admin/campaigns/{model}/{path}").status_code == status
    assert client.post(f"/admin/campaigns/{model}/{row.pk}/change/", {"status": 60}).status_code == 403


def act(client: Client, action: str, campaign: Campaign) -> CampaignStatus:
    client.post("/admin/campaigns/campaign/", {"action": action, "_selected_action": [campaign.pk]})
    return CampaignStatus(builders.refreshed(campaign).status)


def test_the_actions_move_campaigns_through_the_lifecycle(client: Client) -> None:
    campaign = campaign_in(CampaignStatus.RUNNING)
    assert act(client, "pause", campaign) == CampaignStatus.PAUSED
    assert act(client, "resume", campaign) == CampaignStatus.RUNNING
    assert act(client, "cancel", campaign) == CampaignStatus.CANCELLED
    assert act(client, "launch", campaign) == CampaignStatus.CANCELLED
    actions = AuditEntry.objects.filter(actor__username="root").values_list("action", flat=True)
    assert list(actions) == ["cancelled", "resumed", "paused"]


def test_a_campaign_in_the_admin_takes_its_status_from_nobody(client: Client) -> None:
    campaign = campaign_in(CampaignStatus.RUNNING)
    assert client.post(f"/admin/campaigns/campaign/{campaign.pk}/change/", {"name": "x"}).status_code == 403
    assert client.post(f"/admin/campaigns/campaign/{campaign.pk}/delete/", {"post": "yes"}).status_code == 403
    assert "delete_selected" not in client.get("/admin/campaigns/campaign/").content.decode()


def composed(line_id: int, **changes: Any) -> dict[str, Any]:
    return {
        "name": "یلدا",
        "line": line_id,
        "text": "سلام {first_name|مشتری}",
        "rules-TOTAL_FORMS": 1,
        "rules-INITIAL_FORMS": 0,
        "rules-0-rule": "include",
        "rules-0-kind": "numbers",
        "rules-0-params": '{"numbers": ["۰۹۱۲۰۰۰۰۰۰۱"]}',
        **changes,
    }


def test_a_campaign_is_composed_with_its_rules(client: Client) -> None:
    line = builders.line(builders.account())
    client.post("/admin/campaigns/campaign/add/", composed(line.pk))
    campaign = Campaign.objects.get()
    assert campaign.rules.get().params == {"numbers": [builders.phone(1)]}
    assert campaign.created_by is not None
    assert act(client, "launch", campaign) == CampaignStatus.PREPARING


@pytest.mark.parametrize(
    "changes",
    [
        {"text": "سلام {nickname}"},
        {"rules-0-params": '{"numbers": ["x"]}'},
        {"rules-0-params": "[]"},
        {"rules-0-kind": "phonebook"},
        {"rules-0-kind": "campaign"},
        {"rules-0-kind": "provider"},
        {"rules-0-kind": "provider", "rules-0-params": '{"main": "x"}'},
        {"rules-0-kind": "provider", "rules-0-params": '{"phonebooks": []}'},
        {"rules-0-kind": "provider", "rules-0-params": '{"phonebook": "1", "numbers": 7}'},
        {"copy_text": "PAIZ40"},
        {"is_secure": "on"},
    ],
)
def test_what_is_wrong_is_refused_in_the_form(client: Client, changes: dict[str, Any]) -> None:
    line = builders.line(builders.account())
    response = client.post("/admin/campaigns/campaign/add/", composed(line.pk, **changes))
    assert response.status_code == 200
    assert "errorlist" in response.content.decode()
    assert not Campaign.objects.exists()


@pytest.mark.parametrize("params", ['{"outcome": "read"}', '{"outcome": 60}', "[1]"])
def test_an_outcome_that_there_is_not_is_refused(client: Client, params: str) -> None:
    source = builders.draft(builders.line(builders.account()), builders.include(builders.phonebook([])))
    changes = {"rules-0-kind": "campaign", "rules-0-source": source.pk, "rules-0-params": params}
    response = client.post("/admin/campaigns/campaign/add/", composed(source.line_id, **changes))
    assert "errorlist" in response.content.decode()
    assert Campaign.objects.count() == 1


def test_a_campaign_is_composed_for_a_provider_that_keeps_the_recipients(client: Client) -> None:
    changes = {"rules-0-kind": "provider", "rules-0-params": '{"main": 1, "sub": 2}', "text": "سلام"}
    client.post("/admin/campaigns/campaign/add/", composed(lines.line("ippanel").pk, **changes))
    assert AudienceRule.objects.get().params == {"main": 1, "sub": 2}


def test_a_fallback_line_is_held_to_the_composers_rules(client: Client) -> None:
    sms = builders.line(builders.account())
    response = client.post("/admin/campaigns/campaign/add/", composed(sms.pk, fallback_line=sms.pk))
    assert "errorlist" in response.content.decode()
    client.post("/admin/campaigns/campaign/add/", composed(lines.line("safir").pk, fallback_line=sms.pk))
    assert Campaign.objects.get().fallback_line == sms


def test_an_earlier_try_is_found_by_its_message(client: Client) -> None:
    campaign = campaign_in(CampaignStatus.RUNNING)
    written(campaign)
    assert len(found(client, "attempt", str(campaign.first_message_id))) == 1
    assert found(client, "attempt", "99999") == []


def test_the_queue_and_its_schedules_are_not_in_the_admin(client: Client) -> None:
    assert not admin.site.is_registered(Schedule)
    assert not admin.site.is_registered(OrmQ)
    for model, status in (("success", 200), ("failure", 200), ("schedule", 404), ("ormq", 404)):
        assert client.get(f"/admin/django_q/{model}/").status_code == status
    assert client.get("/admin/django_q/success/add/").status_code == 403


def test_a_list_asks_the_database_as_often_for_thirty_messages_as_for_one(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    campaign_in(CampaignStatus.RUNNING, 1)
    client.get("/admin/campaigns/message/")
    with django_assert_num_queries(4):
        client.get("/admin/campaigns/message/")
    campaign_in(CampaignStatus.RUNNING, 29)
    with django_assert_num_queries(4):
        client.get("/admin/campaigns/message/")
