"""What ``make run`` shows at its first start."""

from __future__ import annotations

import datetime as dt
import io
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from campaigns import demo, reporting
from campaigns.models import AuditEntry, Campaign, Message, TimelinePoint
from campaigns.states import FINAL, CampaignStatus, MessageStatus
from contacts.models import Contact, ContactImport, Phonebook
from providers import registry
from providers.models import ProviderAccount

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_folder(settings: Settings, tmp_path: Path) -> None:
    settings.VAR_DIR = settings.UPLOAD_DIR = settings.SPOOL_DIR = tmp_path


def seed() -> str:
    out = io.StringIO()
    call_command("seed_demo", stdout=out)
    return out.getvalue()


def test_the_demo_shows_campaigns_whose_every_message_has_its_fate() -> None:
    seed()
    campaigns = list(Campaign.objects.all())
    assert [campaign.status for campaign in campaigns] == [CampaignStatus.COMPLETED] * 3
    for campaign in campaigns:
        audit = reporting.audit(campaign)
        assert audit.counters_match
        # Safir does not tell of delivery: what it took ends at accepted.
        ends = FINAL | {MessageStatus.ACCEPTED} if campaign.name == demo.BALE_FIRST else FINAL
        assert sum(audit.recount.counts[status] for status in ends) == audit.recount.audience == demo.PEOPLE
    assert Contact.objects.count() == ContactImport.objects.get().new == demo.PEOPLE


def test_the_demo_tells_of_the_day_on_which_a_campaign_ran() -> None:
    seed()
    for campaign in Campaign.objects.all():
        assert campaign.started_at is not None
        minute = campaign.started_at - dt.timedelta(minutes=2)
        first, last = minute, minute + dt.timedelta(hours=2)
        assert set(campaign.audit_entries.values_list("action", flat=True)) >= {"created", "launched"}
        assert not campaign.audit_entries.exclude(created_at__range=(first, last)).exists()
        assert not TimelinePoint.objects.filter(campaign=campaign).exclude(at__range=(first, last)).exists()


def test_the_demo_has_an_account_at_every_provider() -> None:
    seed()
    assert set(ProviderAccount.objects.values_list("slug", flat=True)) == set(registry.PROVIDERS)
    assert Phonebook.objects.filter(account__slug="ippanel").exists()
    by_sms = Message.objects.filter(campaign__name=demo.BALE_FIRST, account__slug="najva").count()
    assert 0.2 < by_sms / demo.PEOPLE < 0.4


def test_a_second_start_changes_nothing() -> None:
    seed()
    credentials = ProviderAccount.objects.order_by("pk").values_list("credentials", flat=True)
    before = (Campaign.objects.count(), list(credentials.all()))
    assert seed() == ""
    assert (Campaign.objects.count(), list(credentials.all())) == before


def test_what_an_interrupted_start_left_is_completed() -> None:
    seed()
    AuditEntry.objects.filter(action=demo.SEEDED).delete()
    Campaign.objects.filter(name=demo.CAMPAIGNS[1][0]).delete()
    assert seed()
    assert Campaign.objects.count() == 3


def test_somebody_with_an_account_of_their_own_gets_no_demo() -> None:
    ProviderAccount.objects.create(name="ours", slug="najva", base_url="https://example.com", credentials="")
    assert seed() == ""
    assert not Campaign.objects.exists()


def test_the_first_password_is_random_private_and_works(settings: Settings, tmp_path: Path) -> None:
    seed()
    path = tmp_path / "first_password"
    assert path.stat().st_mode & 0o077 == 0
    assert get_user_model().objects.get(username="admin").check_password(path.read_text())
    assert len(path.read_text()) >= 12


def test_production_refuses_the_demo(settings: Settings) -> None:
    settings.PRODUCTION = True
    with pytest.raises(CommandError):
        seed()
    assert not get_user_model().objects.exists()


def test_the_demo_is_made_where_every_campaign_needs_somebody_elses_approval(settings: Settings) -> None:
    settings.APPROVAL = "four_eyes"
    seed()
    assert set(Campaign.objects.values_list("approvals__decision", flat=True)) == {"approved"}
    assert Campaign.objects.filter(status=CampaignStatus.COMPLETED).count() == 3
