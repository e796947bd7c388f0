"""Kept texts: the pages, choosing one in the composer and keeping one from there."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from campaigns.models import TextTemplate
from campaigns.text_forms import TextForm
from campaigns.views import texts
from tests import builders
from tests.campaigns.screens import client_of

pytestmark = pytest.mark.django_db
LIST, NEW, CHOOSE, KEEP = "/texts/", "/texts/new/", "/texts/choose/", "/texts/keep/"
TEXT = "سلام {first_name|مشتری} عزیز"


@pytest.fixture
def client() -> Client:
    names = ("add_texttemplate", "change_texttemplate", "delete_texttemplate", "add_campaign")
    return client_of("owner", *names)


def kept(name: str = "خوش‌آمد", text: str = TEXT) -> TextTemplate:
    return TextTemplate.objects.create(name=name, text=text)


def test_a_text_is_kept_with_who_wrote_it(client: Client) -> None:
    response = client.post(NEW, {"name": "  یلدا   ۱ ", "text": "سلام\r\nخوبی؟"})
    assert response.status_code == 302
    made = TextTemplate.objects.get()
    assert (made.name, made.text, str(made.created_by)) == ("یلدا ۱", "سلام\nخوبی؟", "owner")


def test_a_second_click_keeps_no_other_and_hears_no_complaint(client: Client) -> None:
    assert [client.post(NEW, {"name": "یلدا", "text": "سلام"}).status_code for _ in range(2)] == [302, 302]
    assert TextTemplate.objects.count() == 1


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"name": "", "text": "سلام"}, "name"),
        ({"name": "خوش‌آمد", "text": "سلام"}, "name"),
        ({"name": " خوش‌آمد ", "text": "سلام"}, "name"),
        ({"name": "یلدا", "text": " "}, "text"),
        ({"name": "یلدا", "text": "سلام {"}, "text"),
        ({"name": "یلدا", "text": "سلام {nobody}"}, "text"),
        ({"name": "ی" * 101, "text": "سلام"}, "name"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_lost(
    client: Client, sent: dict[str, Any], field: str
) -> None:
    kept()
    response = client.post(NEW, sent)
    assert response.status_code == 422
    page = response.content.decode()
    assert f'id="id_{field}_error"' in page
    assert sent["text"].strip() in page
    assert TextTemplate.objects.count() == 1


def test_a_name_that_was_taken_a_moment_ago_is_told() -> None:
    form = TextForm({"name": "یلدا", "text": "سلام"}, instance=TextTemplate())
    assert form.is_valid()
    kept("یلدا")
    assert not texts.keep(form)
    assert "name" in form.errors


def test_a_text_is_changed_and_keeps_its_name(client: Client) -> None:
    made = kept()
    page = client.get(f"{LIST}{made.pk}/").content.decode()
    assert TEXT in page
    assert client.post(f"{LIST}{made.pk}/", {"name": made.name, "text": "بدرود"}).status_code == 302
    made.refresh_from_db()
    assert (made.name, made.text) == ("خوش‌آمد", "بدرود")


def test_the_page_of_a_text_is_called_what_is_saved_whatever_is_typed(client: Client) -> None:
    made = kept()
    kept("یلدا")
    page = client.post(f"{LIST}{made.pk}/", {"name": "یلدا", "text": TEXT}).content.decode()
    assert "<title>خوش‌آمد" in page


def test_a_text_is_deleted_once_however_often(client: Client) -> None:
    made = kept()
    assert [client.post(f"{LIST}{made.pk}/delete/").status_code for _ in range(2)] == [302, 302]
    assert not TextTemplate.objects.exists()


@pytest.mark.parametrize("address", [LIST, CHOOSE])
def test_texts_are_found_by_name_and_by_words(client: Client, address: str) -> None:
    kept()
    kept("تولد", "زادروزتان خجسته")
    for asked in ("تولد", "خجسته"):
        page = client.get(address, {"q": asked}).content.decode()
        assert "زادروزتان خجسته" in page
        assert TEXT not in page
    assert client.get(address, {"q": "هیچ\0"}).context["listed"] == []


def test_a_text_begins_a_campaign(client: Client) -> None:
    assert f'href="/campaigns/new/?text={kept().pk}"' in client.get(LIST).content.decode()


def test_an_empty_list_says_what_to_do(client: Client) -> None:
    assert f'href="{NEW}"' in client.get(LIST).content.decode()


def test_a_long_list_goes_on_on_another_page(client: Client) -> None:
    TextTemplate.objects.bulk_create(TextTemplate(name=f"text {n}", text="سلام") for n in range(51))
    first = client.get(LIST)
    assert len(first.context["listed"]) == 50
    assert len(client.get(LIST + first.context["page"].next).context["listed"]) == 1
    assert client.get(CHOOSE).context["more"]


def test_the_list_asks_no_more_with_many(client: Client) -> None:
    asked = []
    for number in (1, 8):
        for n in range(number):
            kept(f"{number} {n}").created_by = User.objects.create_user(f"{number} {n}")
        with CaptureQueriesContext(connection) as queries:
            client.get(LIST)
        asked.append(len(queries))
    assert asked[0] == asked[1]


def test_the_text_being_written_is_kept_from_the_composer(client: Client) -> None:
    answer = client.post(KEEP, {"keep_name": "یلدا", "text": "سلام\r\nخوبی؟"})
    assert answer.context["kept"]
    assert TextTemplate.objects.get().text == "سلام\nخوبی؟"
    again = client.post(KEEP, {"keep_name": "یلدا", "text": "دیگر"})
    assert not again.context["kept"]
    assert "text-error" in again.content.decode()
    assert TextTemplate.objects.count() == 1


def test_who_may_only_look_looks() -> None:
    made, guest = kept(), client_of("guest")
    assert guest.get(LIST).status_code == 200
    assert guest.get(CHOOSE).status_code == 200
    assert [guest.get(path).status_code for path in (NEW, f"{LIST}{made.pk}/")] == [403, 403]
    assert [guest.post(path).status_code for path in (KEEP, f"{LIST}{made.pk}/delete/")] == [403, 403]
    assert NEW not in guest.get(LIST).content.decode()


def test_the_admin_checks_a_text_as_the_page_does(client: Client) -> None:
    root = Client()
    root.force_login(User.objects.create_superuser("root"))
    address = "/admin/campaigns/texttemplate/add/"
    assert root.post(address, {"name": "یلدا", "text": "سلام {"}).status_code == 200
    assert root.post(address, {"name": "یلدا", "text": "سلام"}).status_code == 302
    assert str(TextTemplate.objects.get().created_by) == "root"


@pytest.mark.parametrize("hostile", ["\0", "\0" * 200, "9" * 200, "<script>", "%", "_"])
def test_hostile_input_gets_an_answer(client: Client, hostile: str) -> None:
    builders.contacts(1, attributes={"x y": "1", "\u0661": "2"})
    assert client.get(LIST, {"q": hostile, "after": hostile}).status_code == 200
    assert client.get(CHOOSE, {"q": hostile}).status_code == 200
    assert client.post(KEEP, {"keep_name": hostile, "text": hostile}).status_code == 200
    assert client.post(NEW, {"name": hostile, "text": hostile}).status_code in (302, 422)
