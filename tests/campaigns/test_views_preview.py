"""The live preview of a text: for whom a draft is saved, before it is saved itself, and for a text to be kept."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from campaigns.models import Campaign
from campaigns.views import preview
from contacts.models import Contact
from providers.models import SenderLine, Tariff
from tests import builders
from tests.campaigns import lines
from tests.campaigns.screens import client_of, owner

pytestmark = pytest.mark.django_db
PREVIEW = "/campaigns/preview/"
SCRIPT = {"HX-Request": "true"}


@pytest.fixture
def client() -> Client:
    return owner()


@pytest.fixture
def draft() -> Campaign:
    """A draft to Sara and to somebody without a name, on a line with a price."""
    line = builders.line(builders.account(), name="Shop")
    Tariff.objects.create(line=line, rial_per_part=1_000)
    people = builders.contacts(1, first_name="سارا") + builders.contacts(1, 1)
    return builders.draft(line, builders.include(builders.phonebook(people)), text="متن ذخیره‌شده")


def shown(client: Client, draft: Campaign | None, text: str, **fields: Any) -> Any:
    """The answer to the script that asks what this text looks like."""
    address = f"{PREVIEW}?campaign={draft.pk}" if draft else PREVIEW
    return client.post(address, {"text": text, **fields}, headers=SCRIPT)


def test_what_is_typed_is_shown_to_whom_the_draft_is_saved_for(client: Client, draft: Campaign) -> None:
    page = shown(client, draft, "سلام {first_name|مشتری} عزیز").content.decode()
    assert "سلام سارا عزیز" in page
    assert "سلام مشتری عزیز" in page
    assert 'data-recipients="2"' in page
    draft.refresh_from_db()
    assert draft.text == "متن ذخیره‌شده"


def test_the_cost_is_told_in_all_and_by_operator(client: Client, draft: Campaign) -> None:
    Contact.objects.filter(first_name="سارا").update(operator=1)
    context = shown(client, draft, "س" * 71).context
    assert context["look"].bill.cost == 4_000
    assert sorted((row.parts, row.cost) for row in context["rows"]) == [(2, 2_000), (2, 2_000)]


def test_the_part_of_the_page_has_no_page_around_it_but_without_script_it_has(client: Client, draft: Campaign) -> None:
    assert "<html" not in shown(client, draft, "سلام").content.decode()
    whole = client.post(f"{PREVIEW}?campaign={draft.pk}", {"text": "سلام"}).content.decode()
    assert "<html" in whole
    assert "سلام" in whole


def test_each_caution_comes_with_its_words_and_the_text_mended(client: Client, draft: Campaign) -> None:
    builders.contacts(1, 50, attributes={"city": "شیراز"})
    response = shown(client, draft, "كتاب {city}\nتا ٢٠ دی ")
    assert [each.code for each in response.context["advice"]] == ["blank", "arabic", "spaces"]
    page = response.content.decode()
    assert 'data-repaired="کتاب {city}\nتا ۲۰ دی "' in page
    assert 'data-typed="كتاب {city}\nتا ٢٠ دی "' in page


def test_what_the_line_adds_is_shown_and_a_known_opt_out_is_not_added_twice(client: Client, draft: Campaign) -> None:
    SenderLine.objects.update(kind="advertising")
    assert shown(client, draft, "سلام").context["look"].literal == "سلام\nلغو11"
    assert shown(client, draft, "سلام لغو۱۱").context["look"].literal == "سلام لغو۱۱"


@pytest.mark.parametrize("text", ["{", "سلام {nobody_has_this}", "\u200c", "ا" * 4_001])
def test_a_text_that_is_not_ready_is_told_why(client: Client, draft: Campaign, text: str) -> None:
    response = shown(client, draft, text)
    assert response.status_code == 200
    assert response.context["problems"]
    assert "look" not in response.context


def test_an_empty_text_is_no_mistake(client: Client, draft: Campaign) -> None:
    assert shown(client, draft, " \r\n").context["problems"] == []


def test_a_text_to_be_kept_is_tried_on_contacts(client: Client, draft: Campaign) -> None:
    response = shown(client, None, "سلام {first_name|دوست}")
    assert "سلام سارا" in response.content.decode()
    assert response.context["look"].bill is None


def test_bale_shows_its_button_and_its_lock_and_the_sms_for_the_others(client: Client, draft: Campaign) -> None:
    bale = lines.line("safir")
    Campaign.objects.filter(pk=draft.pk).update(line=bale, fallback_line=draft.line)
    response = shown(client, draft, "سلام", copy_text="YALDA40", is_secure="on")
    page = response.content.decode()
    assert page.count("YALDA40") == 1
    assert page.count('d="M7 11V7a5 5 0 0 1 10 0v4"') == 1
    assert response.context["look"].by_sms[0] == "سلام"


def test_nobody_is_counted_where_the_provider_keeps_the_recipients(client: Client, draft: Campaign) -> None:
    Campaign.objects.filter(pk=draft.pk).update(line=lines.line("ippanel"))
    response = shown(client, draft, "سلام")
    assert response.context["look"].bill is None
    assert response.context["keeps"]


def test_numbers_are_masked_for_who_may_not_see_them(draft: Campaign) -> None:
    page = shown(client_of("writer", "add_campaign"), draft, "سلام {first_name}").content.decode()
    assert builders.phone(0) not in page
    page = shown(client_of("seer", "add_campaign", "see_numbers"), draft, "سلام {first_name}").content.decode()
    assert builders.phone(0) in page


def test_who_writes_no_text_sees_no_preview(draft: Campaign) -> None:
    assert shown(client_of("teammate"), draft, "سلام").status_code == 403
    for name in preview.WRITERS:
        assert shown(client_of(name, name), draft, "سلام").status_code == 200


@pytest.mark.parametrize("text", ["\0", "{" * 4_000, "https://" * 500, "1۲" * 2_000, "\ud83d"])
def test_hostile_texts_get_an_answer(client: Client, draft: Campaign, text: str) -> None:
    sent = text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    for address in (f"{PREVIEW}?campaign={draft.pk}", f"{PREVIEW}?campaign={'9' * 40}", f"{PREVIEW}?campaign=x"):
        assert client.post(address, {"text": sent, "copy_text": sent}, headers=SCRIPT).status_code == 200


def test_many_recipients_are_asked_for_as_often_as_one(client: Client, draft: Campaign) -> None:
    many = builders.draft(
        draft.line, builders.include(builders.phonebook(builders.contacts(40, 10), "many")), text="سلام"
    )
    asked = []
    for campaign in (draft, many):
        shown(client, campaign, "سلام {first_name}")
        with CaptureQueriesContext(connection) as queries:
            shown(client, campaign, "سلام {first_name} عزیز")
        asked.append(len(queries))
    assert asked[0] == asked[1]


def test_the_placeholders_are_those_of_the_audience(draft: Campaign) -> None:
    Contact.objects.filter(first_name="سارا").update(attributes={"city": "شیراز", "no name": "x"})
    builders.contacts(1, 99, attributes={"secret": "x"})
    assert [chip.name for chip in preview.context(draft, [])["placeholders"]] == [
        *("first_name", "last_name", "full_name", "city")
    ]


def test_the_lines_that_carry_what_only_bale_has_are_named(draft: Campaign) -> None:
    assert preview.context(draft, [])["bale"] is None
    safir, najva = lines.line("safir"), builders.line(draft.line.account, "7000", channel="bale")
    bale = preview.context(draft, [safir, najva])["bale"]
    assert [card.line for card in bale.files] == [safir, najva]
    assert [card.line for card in bale.copy] == [card.line for card in bale.secure] == [safir]
