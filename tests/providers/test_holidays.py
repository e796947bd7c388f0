"""The table of holidays on screen: a text with a line a day."""

from __future__ import annotations

import datetime as dt

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from interface import jalali
from providers.holidays import HolidaysForm
from providers.models import Holiday
from tests.parallel import at_once

ADDRESS = "/accounts/holidays/"
pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("owner"))
    return client


def test_days_are_kept_in_either_calendar_and_any_digits(owner: Client) -> None:
    owner.post(ADDRESS, {"days": "1500/01/01 نوروز\n۱۵۰۰/۰۱/۱۳\n\n2121-03-25 روز دیگر"})
    assert list(Holiday.objects.values_list("day", "name")) == [
        (dt.date(2121, 3, 21), "نوروز"),
        (dt.date(2121, 3, 25), "روز دیگر"),
        (dt.date(2121, 4, 2), ""),
    ]


def test_what_is_shown_can_be_saved_again_unchanged(owner: Client) -> None:
    day = timezone.localdate() + dt.timedelta(days=30)
    Holiday.objects.create(day=day, name="نوروز")
    page = owner.get(ADDRESS)
    assert f"{jalali.typed_day(day)} نوروز" in page.content.decode()
    owner.post(ADDRESS, {"days": page.context["form"].initial["days"]})
    assert list(Holiday.objects.values_list("day", "name")) == [(day, "نوروز")]


def test_saving_replaces_the_days_to_come_and_keeps_those_past(owner: Client) -> None:
    past, coming = timezone.localdate() - dt.timedelta(days=9), timezone.localdate() + dt.timedelta(days=9)
    Holiday.objects.bulk_create([Holiday(day=past), Holiday(day=coming)])
    owner.post(ADDRESS, {"days": "1390/01/01 گذشته"})
    assert list(Holiday.objects.values_list("day", flat=True)) == [past]


def test_a_line_that_is_no_date_is_named_and_nothing_is_lost(owner: Client) -> None:
    Holiday.objects.create(day=dt.date(2121, 3, 21))
    answer = owner.post(ADDRESS, {"days": "1500/01/13\n1500/13/40 چه روزی"})
    assert answer.status_code == 422
    assert "1500/13/40" in answer.content.decode()
    assert "1500/13/40 چه روزی" in answer.context["form"]["days"].value()
    assert Holiday.objects.count() == 1


def test_only_who_may_change_lines_sees_it(client: Client) -> None:
    client.force_login(User.objects.create_user("guest"))
    assert client.get(ADDRESS).status_code == 403


@pytest.mark.parametrize("day", ["9999-12-31", f"{'9' * 20}/01/01", f"1500/{'9' * 20}/01"])
def test_a_day_that_is_none_in_either_calendar_is_refused_and_the_page_still_opens(owner: Client, day: str) -> None:
    assert owner.post(ADDRESS, {"days": f"{day} روزی دور"}).status_code == 422
    assert owner.get(ADDRESS).status_code == 200
    assert not Holiday.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_tabs_that_save_at_once_both_succeed() -> None:
    def save() -> int:
        form = HolidaysForm({"days": "2121-03-21 نوروز\n2121-03-22 نوروز"})
        assert form.is_valid()
        return form.save()

    assert at_once(save, 4) == [2] * 4
    assert Holiday.objects.count() == 2
