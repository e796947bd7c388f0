"""What becomes of reports in the long run: settled ones are forgotten, those without a message are kept and shown."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from campaigns.delivery import forgetting
from campaigns.delivery.forgetting import Forgetting
from campaigns.models import DeliveryEvent
from providers.models import ProviderAccount
from tests import builders

pytestmark = pytest.mark.django_db
Result = DeliveryEvent.Result


@pytest.fixture
def client() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root", password="irrelevant"))
    return client


def stored(account: ProviderAccount, result: Result, days: int, number: int = 1) -> None:
    at = timezone.now() - dt.timedelta(days=days)
    DeliveryEvent.objects.bulk_create(
        DeliveryEvent(account=account, provider_ref="7", report="sent", code="4", received_at=at, result=result)
        for _ in range(number)
    )


def left() -> dict[int, int]:
    results = list(DeliveryEvent.objects.values_list("result", flat=True))
    return {result: results.count(result) for result in set(results)}


def test_only_what_has_had_its_effect_long_ago_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "CHUNK", 3)
    account = builders.account()
    for result in Result:
        stored(account, result, 401, 4)
    for result in Result:
        stored(account, result, 399, 2)
    assert Forgetting().work() == 12
    assert left() == {
        Result.WAITING: 6,
        Result.APPLIED: 2,
        Result.STALE: 2,
        Result.UNRECOGNISED: 2,
        Result.UNMATCHED: 6,
    }


def test_a_round_rests_only_once_it_is_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "CHUNK", 3)
    stored(builders.account(), Result.APPLIED, 500, 8)
    rounds = Forgetting()
    monkeypatch.setattr(
        "campaigns.delivery.forgetting.time.monotonic", iter(range(100)).__next__
    )  # each look at the clock is a second
    assert rounds.work(2.0) == 3
    assert rounds.work(9.0) == 5
    stored(ProviderAccount.objects.get(), Result.APPLIED, 500)
    assert rounds.work() == 0
    rounds.next_at = 0.0
    assert rounds.work() == 1


def test_the_setting_says_how_long(settings: Any) -> None:
    settings.EVENTS_KEPT = 10
    stored(builders.account(), Result.APPLIED, 11)
    assert Forgetting().work() == 1


def test_the_accounts_page_counts_what_matched_nothing(client: Client) -> None:
    account, other = builders.account(), builders.account(name="other")
    page = f"/accounts/{account.pk}/"
    stored(other, Result.UNMATCHED, 31)
    stored(account, Result.WAITING, 1)
    client.cookies["django_language"] = "en"
    assert "matched no message" not in client.get(page).content.decode()
    stored(account, Result.UNMATCHED, 31, 12)
    assert "12 delivery reports matched no message in 30 days." in client.get(page).content.decode()


def test_the_admin_lists_them_alone(client: Client) -> None:
    account = builders.account()
    stored(account, Result.UNMATCHED, 31, 2)
    stored(account, Result.APPLIED, 1)
    query = {"result__exact": Result.UNMATCHED.value, "account__id__exact": account.pk}
    listed = client.get("/admin/campaigns/deliveryevent/", query).context["cl"].result_list
    assert [event.result for event in listed] == [Result.UNMATCHED] * 2
