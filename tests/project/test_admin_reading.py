"""What is read in the admin: months of the calendar, numbers as they may be seen, ways to the site and back."""

from __future__ import annotations

import datetime as dt

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone, translation

from campaigns.models import AuditEntry, Campaign, Message
from campaigns.states import CampaignStatus
from contacts.models import Contact, SuppressionChange
from contacts.paging import BoundedPaginator
from interface import jalali
from interface.admin import first_id_from
from tests import builders
from tests.campaigns.screens import campaign_in
from tests.project import rows

pytestmark = pytest.mark.django_db
TEHRAN = dt.timezone(dt.timedelta(hours=3, minutes=30))
VIEWS = ["view_contact", "view_message", "view_campaign", "view_audiencerule", "view_leftout", "change_contact"]


def clerk(*permissions: str) -> Client:
    person = User.objects.create_user("clerk", is_staff=True)
    person.user_permissions.set(rows.permissions(*permissions))
    client = Client()
    client.force_login(person)
    return client


@pytest.mark.parametrize(
    ("language", "key", "label", "first", "after"),
    [
        ("fa", "1405-09", "آذر ۱۴۰۵", (2026, 11, 22), (2026, 12, 22)),
        ("fa", "1405-12", "اسفند ۱۴۰۵", (2027, 2, 20), (2027, 3, 21)),
        ("en", "2026-12", "December 2026", (2026, 12, 1), (2027, 1, 1)),
    ],
)
def test_a_month_is_one_of_the_languages_calendar(
    language: str, key: str, label: str, first: tuple[int, int, int], after: tuple[int, int, int]
) -> None:
    with translation.override(language):
        month = jalali.month_of(key)
    assert month.label == label
    assert (month.start, month.end) == (dt.datetime(*first, tzinfo=TEHRAN), dt.datetime(*after, tzinfo=TEHRAN))


@pytest.mark.parametrize("language", ["fa", "en", "ru"])
def test_the_latest_months_follow_each_other_without_a_gap(language: str) -> None:
    with translation.override(language):
        found = jalali.latest_months(30)
    assert found[0].start <= timezone.now() < found[0].end
    assert [month.start for month in found[:-1]] == [month.end for month in found[1:]]


@pytest.mark.parametrize("wrong", ["", "x", "1405-13", "1405-00", "99999-01", "1405"])
def test_what_is_no_month_filters_nothing(admin_client: Client, wrong: str) -> None:
    campaign_in(CampaignStatus.DRAFT)
    page = admin_client.get("/admin/campaigns/campaign/", {"month": wrong})
    assert len(page.context["cl"].result_list) == 1


def test_a_month_of_a_large_table_is_found_by_ids() -> None:
    changes = rows.make(SuppressionChange, 40)
    begin = timezone.now() - dt.timedelta(days=40)
    for place, change in enumerate(changes):
        SuppressionChange.objects.filter(pk=change.pk).update(changed_at=begin + dt.timedelta(days=place))
    SuppressionChange.objects.filter(pk__in=[changes[10].pk, changes[11].pk]).delete()
    for place in (0, 10, 12, 39):
        found = first_id_from(SuppressionChange.objects, "changed_at", begin + dt.timedelta(days=place))
        expected = SuppressionChange.objects.filter(changed_at__gte=begin + dt.timedelta(days=place)).order_by("pk")
        assert SuppressionChange.objects.filter(pk__gte=found).order_by("pk").first() == expected.first()
    assert first_id_from(SuppressionChange.objects, "changed_at", timezone.now()) == changes[-1].pk + 1


def test_messages_are_filtered_by_the_month_of_their_campaign(admin_client: Client) -> None:
    old, new = (campaign_in(CampaignStatus.RUNNING, 2) for _ in range(2))
    Campaign.objects.filter(pk=old.pk).update(started_at=jalali.month_of("1405-02").start)
    for key, of in (("1405-02", old), (jalali.latest_months(1)[0].key, new), ("1404-01", None)):
        shown = admin_client.get("/admin/campaigns/message/", {"month": key}).context["cl"].result_list
        assert {message.campaign_id for message in shown} == ({of.pk} if of else set()), key


def pages_with_numbers() -> list[str]:
    campaign = campaign_in(CampaignStatus.RUNNING, 1)
    rule = campaign.rules.create(kind="numbers", params={"numbers": [builders.phone(0)]})
    message, contact = Message.objects.get(), Contact.objects.get()
    found = {"campaigns/message": message, "contacts/contact": contact, "campaigns/audiencerule": rule}
    pages = [f"/admin/{path}/" for path in found] + [f"/admin/{path}/{row.pk}/change/" for path, row in found.items()]
    return [
        *pages,
        f"/admin/campaigns/campaign/{campaign.pk}/change/",
        f"/admin/contacts/contact/{contact.pk}/history/",
    ]


@pytest.mark.parametrize(("permissions", "whole"), [([], False), (["see_numbers"], True)])
def test_a_number_is_whole_only_for_who_may_see_it(permissions: list[str], whole: bool) -> None:
    pages, client = pages_with_numbers(), clerk(*VIEWS, *permissions)
    contents = {page: client.get(page) for page in pages}
    assert {answer.status_code for answer in contents.values()} == {200}
    shown = [page for page, answer in contents.items() if builders.phone(0).encode() in answer.content]
    assert bool(shown) is whole, shown


def test_who_sees_no_number_does_not_overwrite_it() -> None:
    page, client = pages_with_numbers()[4], clerk(*VIEWS)
    client.post(page, {"phone": "09129999999", "first_name": "Zari", "last_name": "", "attributes": "{}"})
    contact = Contact.objects.get()
    assert (contact.phone, contact.first_name) == (builders.phone(0), "Zari")


@pytest.mark.parametrize(
    ("model", "lookup"),
    [
        ("contacts/contact", "phone__startswith=98912"),
        ("contacts/contact", "phone__gte=989120000000"),
        ("campaigns/message", "phone__lt=989120000001"),
        ("campaigns/audiencerule", "params__numbers__0__startswith=%2B98912"),
        ("providers/provideraccount", "webhook_token__startswith=a"),
    ],
)
@pytest.mark.parametrize("permissions", [[], ["see_numbers"]])
def test_what_is_hidden_is_found_by_no_lookup(model: str, lookup: str, permissions: list[str]) -> None:
    pages_with_numbers()
    answer = clerk(*VIEWS, "view_provideraccount", *permissions).get(f"/admin/{model}/?{lookup}")
    assert answer.status_code == 400


@pytest.mark.parametrize(("permissions", "sorts"), [([], False), (["see_numbers"], True)])
def test_a_hidden_number_is_not_found_by_its_place(permissions: list[str], sorts: bool) -> None:
    builders.contacts(3)
    client = clerk(*VIEWS, *permissions)
    pages = [client.get("/admin/contacts/contact/", {"o": order}) for order in ("0", "-0")]
    up, down = ([row.pk for row in page.context["cl"].result_list] for page in pages)
    assert (up != down) is sorts


@pytest.mark.parametrize("typed", ["0912", "91200000", "98912000000"])
def test_a_part_of_a_hidden_number_finds_nobody_in_the_admin(typed: str) -> None:
    pages, client = pages_with_numbers(), clerk(*VIEWS, "view_membership", "view_suppression")
    for page in (*pages[:3], "/admin/contacts/membership/", "/admin/campaigns/leftout/"):
        assert not client.get(page, {"q": typed}).context["cl"].result_list, page


@pytest.mark.parametrize(("permissions", "whole"), [([], False), (["see_numbers"], True)])
def test_the_log_of_the_admin_hides_the_number_that_a_row_was_named_by(permissions: list[str], whole: bool) -> None:
    number, client = builders.phone(0), clerk("view_logentry", *permissions)
    entry = LogEntry.objects.create(user=User.objects.get(), action_flag=2, object_repr=number, change_message=number)
    for page in ("/admin/admin/logentry/", f"/admin/admin/logentry/{entry.pk}/change/"):
        answer = client.get(page)
        assert answer.status_code == 200
        assert (number in answer.content.decode()) is whole


def test_a_list_tells_how_many_rows_it_has_as_far_as_they_are_counted(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    builders.contacts(3)
    for most, said in ((4, "در مجموع: ۳"), (3, "۳ مورد اول")):
        monkeypatch.setattr(BoundedPaginator, "LIMIT", most)
        assert said in admin_client.get("/admin/contacts/contact/").content.decode()


def test_a_campaigns_page_and_its_row_in_the_admin_lead_to_each_other(admin_client: Client) -> None:
    campaign = campaign_in(CampaignStatus.RUNNING)
    row = f"/admin/campaigns/campaign/{campaign.pk}/change/"
    assert row in admin_client.get(campaign.get_absolute_url()).content.decode()
    page = admin_client.get(row).content.decode()
    assert "viewsitelink" in page
    assert f"/admin/campaigns/auditentry/?campaign__id__exact={campaign.pk}" in page
    assert row not in clerk().get(campaign.get_absolute_url()).content.decode()


def test_a_row_without_a_page_leads_to_that_of_its_campaign(admin_client: Client) -> None:
    campaign = campaign_in(CampaignStatus.RUNNING)
    entry = AuditEntry.objects.filter(campaign=campaign)[0]
    page = admin_client.get(f"/admin/campaigns/auditentry/{entry.pk}/change/").content.decode()
    assert f'href="{campaign.get_absolute_url()}"' in page


def test_an_account_or_a_line_in_use_is_not_deleted_here(admin_client: Client) -> None:
    campaign, free = campaign_in(CampaignStatus.RUNNING), builders.line(builders.account(name="free"))
    paths = [f"senderline/{campaign.line_id}", f"provideraccount/{campaign.line.account_id}", f"senderline/{free.pk}"]
    answers = [admin_client.get(f"/admin/providers/{path}/delete/").status_code for path in paths]
    assert answers == [403, 403, 200]
