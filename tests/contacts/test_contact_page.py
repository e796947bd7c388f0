"""A contact's page: who it is, what a suppression means, and its timeline in pages."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from campaigns.models import Campaign, Message
from campaigns.states import MessageStatus
from contacts import suppressions, timeline
from contacts.models import Contact, JobCategory, Membership, Source, Suppression
from providers.models import SenderLine
from tests import builders
from tests.contacts.files import imported, write

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _in_english(client: Client) -> Iterator[None]:
    client.cookies["django_language"] = "en"
    with translation.override("en"):
        yield


@pytest.fixture
def owner(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("owner"))
    return client


@pytest.fixture
def over() -> SenderLine:
    return builders.line(builders.account())


def contact(number: int = 0) -> Contact:
    """One who has been here for years, so that nothing else happened at the moment it was made."""
    (made,) = builders.contacts(1, start=number)
    Contact.objects.filter(pk=made.pk).update(created_at=long_ago(), updated_at=long_ago())
    made.refresh_from_db()
    return made


def long_ago(**later: Any) -> dt.datetime:
    return dt.datetime(2020, 1, 1, tzinfo=dt.UTC) + dt.timedelta(**later)


def sent(over: SenderLine, to: Contact, number: int, at: dt.datetime, status: int = MessageStatus.DELIVERED) -> Message:
    """A message to somebody in a campaign of its own, whose last change was then."""
    campaign = Campaign.objects.create(name=f"campaign {number}", line=over, text="x", status="completed", audience=1)
    message = Message.objects.create(campaign=campaign, phone=to.phone, contact=to, status=status)
    Message.objects.filter(pk=message.pk).update(updated_at=at)
    return message


def titles(it: Contact, query: dict[str, str] | None = None) -> list[str]:
    unmarked = dict.fromkeys(map(ord, "\u2068\u2069"))
    return [str(happening.title).translate(unmarked) for happening in timeline.page(it, query or {}).happenings]


def test_messages_stand_with_their_status_line_and_page(over: SenderLine) -> None:
    builders.running(over, builders.include(builders.phonebook([contact()])))
    it, message = Contact.objects.get(), Message.objects.get()
    newest = timeline.page(it, {}).happenings[0]
    assert ("Nowruz" in str(newest.title), newest.url) == (True, f"/messages/{message.pk}/")
    assert "pending" in newest.detail
    assert over.sender in newest.detail


def test_everything_that_happened_stands_newest_first(over: SenderLine, tmp_path: Path) -> None:
    brought = imported(write(tmp_path / "guests.csv", [["phone"], ["09121234567"]]))
    it = Contact.objects.get()
    Contact.objects.update(created_at=long_ago(), updated_at=long_ago(days=2), made_in=brought.pk)
    Membership.objects.update(made_in=brought.pk)
    it.refresh_from_db()
    Suppression.objects.create(phone=it.phone)
    sent(over, it, 1, long_ago(days=1))
    assert titles(it) == [
        "The number was suppressed",
        "Last change of what is known of it",
        "Message of “campaign 1”",
        "Import of “guests.csv”",
    ]
    came = timeline.page(it, {}).happenings[-1]
    assert "customers" in came.detail
    assert "the contact was made" in came.detail
    assert came.url.startswith("/imports/")


def test_a_suppression_that_was_lifted_stays_in_the_timeline() -> None:
    it = contact()
    suppressions.suppress([it.phone], scope="advertising", reason="opt_out", source=Source.REPLY)
    suppressions.lift(Suppression.objects.all(), source=Source.HAND)
    assert titles(it) == ["The suppression was lifted", "The number was suppressed", "The contact was added"]
    assert "by hand" in timeline.page(it, {}).happenings[0].detail


def test_an_import_that_only_filed_a_contact_is_told_apart(tmp_path: Path) -> None:
    it = contact()
    Contact.objects.filter(pk=it.pk).update(phone="+989121234567")
    filed = imported(write(tmp_path / "later.csv", [["phone"], ["09121234567"]]))
    Membership.objects.update(made_in=filed.pk)
    it.refresh_from_db()
    assert titles(it)[-2:] == ["Import of “later.csv”", "The contact was added"]
    assert "was made" not in timeline.page(it, {}).happenings[-2].detail


def test_older_pages_leave_out_nobody_and_repeat_nothing(over: SenderLine) -> None:
    it = contact()
    for number in range(45):  # thirty of them in one moment
        sent(over, it, number, long_ago(days=1) if number < 30 else long_ago(days=number))
    seen: list[str] = []
    query: dict[str, str] = {}
    for size in (20, 20, 6):
        page = timeline.page(it, query)
        assert len(page.happenings) == size
        seen += [happening.url or str(happening.title) for happening in page.happenings]
        query = dict(parse_qsl(page.older[1:]))
    assert query == {}
    assert len(set(seen)) == len(seen) == 46
    assert seen[-1] == "The contact was added"


@pytest.mark.parametrize("until", ["", "x", "2020-01-01", "9" * 40, "\0"])
def test_a_cursor_that_is_none_gives_the_first_page(owner: Client, until: str) -> None:
    it = contact()
    response = owner.get(f"/contacts/{it.pk}/", {"until": until, "skip": "²"})
    assert [happening.title for happening in response.context["timeline"].happenings] == ["The contact was added"]


def test_the_older_button_fetches_a_part_of_the_page(owner: Client, over: SenderLine) -> None:
    it = contact()
    for number in range(25):
        sent(over, it, number, long_ago(days=number + 1))
    page = owner.get(f"/contacts/{it.pk}/")
    older = page.context["timeline"].older
    part = owner.get(f"/contacts/{it.pk}/timeline/{older}").content.decode()
    assert "campaign 4" in part
    assert "campaign 24" not in part
    assert "<html" not in part
    assert "campaign 4" in owner.get(f"/contacts/{it.pk}/{older}").content.decode()


def test_the_page_takes_as_many_queries_for_many_messages_as_for_one(owner: Client, over: SenderLine) -> None:
    it = contact()

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert owner.get(f"/contacts/{it.pk}/").status_code == 200
        return len(captured)

    sent(over, it, 0, timezone.now())
    queries()
    before = queries()
    for number in range(1, 30):
        sent(over, it, number, timezone.now())
        builders.phonebook([it], name=f"book {number}")
    assert queries() == before


@pytest.mark.parametrize(
    ("scope", "sentence"),
    [("all", "Every campaign skips"), ("advertising", "service lines still reach"), ("line", "on the line")],
)
def test_a_suppression_says_what_it_means(owner: Client, over: SenderLine, scope: str, sentence: str) -> None:
    it = contact()
    Suppression.objects.create(phone=it.phone, scope=scope, line=over if scope == "line" else None)
    assert sentence in owner.get(f"/contacts/{it.pk}/").content.decode()


def test_a_job_category_of_ours_is_chosen_in_the_form(owner: Client) -> None:
    it = contact()
    main = JobCategory.objects.create(name="Shops")
    theirs = JobCategory.objects.create(name="Theirs", account=builders.account(), provider_ref="1")
    owner.post(f"/contacts/{it.pk}/", {"phone": it.phone, "job_category": main.pk})
    assert Contact.objects.get().job_category == main
    for wrong in (theirs.pk, "9" * 30):
        assert owner.post(f"/contacts/{it.pk}/", {"phone": it.phone, "job_category": wrong}).status_code == 422


def test_what_was_refused_stands_in_the_form_and_not_in_the_heading(owner: Client) -> None:
    it = contact()
    response = owner.post(f"/contacts/{it.pk}/", {"phone": "0912", "first_name": "Sara"})
    assert response.status_code == 422
    assert response.context["contact"].first_name == ""
    assert 'value="Sara"' in response.content.decode()


def test_who_may_not_change_contacts_looks_at_one(client: Client) -> None:
    it = contact()
    client.force_login(User.objects.create_user("teammate"))
    response = client.get(f"/contacts/{it.pk}/")
    assert (response.status_code, response.context["form"]) == (200, None)
    assert client.post(f"/contacts/{it.pk}/", {"phone": it.phone}).status_code == 403
