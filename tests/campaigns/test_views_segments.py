"""The pages of segments: building one with and without script, what is refused, and what may not be deleted."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from campaigns import segmenting
from campaigns.models import AudienceRule, Segment
from contacts.models import ContactImport
from tests import builders
from tests.campaigns.screens import client_of

pytestmark = pytest.mark.django_db
NEW, ROWS, COUNT = "/segments/new/", "/segments/rows/", "/segments/count/"
CITY = {"field": "attribute", "key": "city", "test": "is", "value": "تهران"}


@pytest.fixture
def client() -> Client:
    return client_of("owner", "add_segment", "change_segment", "delete_segment")


def typed(*conditions: dict[str, Any], **further: Any) -> dict[str, Any]:
    """A builder's form as a browser sends it."""
    sent: dict[str, Any] = {"name": "تهرانی‌ها", "match": "all", "row": [f"r{n}" for n in range(len(conditions))]}
    for n, condition in enumerate(conditions):
        sent |= {f"r{n}-{name}": value for name, value in condition.items()}
    return sent | further


def segment(name: str = "Regulars", **condition: Any) -> Segment:
    checked = segmenting.checked({"conditions": [condition or CITY]})
    return Segment.objects.create(name=name, conditions=checked)


def test_a_segment_is_saved_with_who_made_it(client: Client) -> None:
    operators = {"field": "operator", "test": "one_of", "value": ["1", "2"]}
    response = client.post(NEW, typed(CITY, operators, match="any"))
    assert response.status_code == 302
    made = Segment.objects.get()
    assert (made.name, str(made.created_by)) == ("تهرانی‌ها", "owner")
    assert made.conditions == {"match": "any", "conditions": [CITY, operators | {"value": [1, 2]}]}


def test_a_second_click_makes_no_other_and_hears_no_complaint(client: Client) -> None:
    assert [client.post(NEW, typed(CITY)).status_code for _ in range(2)] == [302, 302]
    assert Segment.objects.count() == 1


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (typed(), "__all__"),
        (typed(CITY, name=" "), "name"),
        (typed(CITY, name="Regulars"), "name"),
        (typed(CITY | {"value": ""}), "r0-value_error"),
        (typed(CITY | {"key": ""}), "r0-key_error"),
        (typed(CITY, {}), "r1-field_error"),
        (typed({"field": "phonebook", "test": "one_of", "value": ["987"]}), "r0-value_error"),
    ],
)
def test_what_is_wrong_is_said_at_its_place_and_nothing_is_lost(
    client: Client, sent: dict[str, Any], said: str
) -> None:
    segment()
    response = client.post(NEW, sent)
    assert response.status_code == 422
    assert said in response.context["form"].errors or f'id="{said}"' in response.content.decode()
    assert len(response.context["form"].rows) == len(sent["row"])
    assert Segment.objects.count() == 1


def test_conditions_come_and_go_and_nothing_typed_is_lost(client: Client) -> None:
    sent = typed(CITY, {"field": "added", "test": "within", "value": "7"})
    more = client.post(ROWS, sent | {"add": "1"}).content.decode()
    assert len(re.findall(r'name="row"', more)) == 3
    assert 'value="تهران"' in more
    fewer = client.post(ROWS, sent | {"remove": "r0"}).content.decode()
    assert re.findall(r'name="row" value="(\w+)"', fewer) == ["r1"]


def test_another_field_brings_the_tests_and_the_input_that_fit(client: Client) -> None:
    page = client.post(ROWS, typed(CITY | {"field": "operator"})).content.decode()
    assert 'value="none_of"' in page
    assert page.count('type="checkbox"') == 4


def test_without_script_the_form_arranges_itself(client: Client) -> None:
    response = client.post(NEW, typed({"field": "added"}, name="", arrange="1"))
    assert response.status_code == 200
    assert 'name="r0-test"' in response.content.decode()
    assert not Segment.objects.exists()


def test_the_live_count_says_who_that_is_now(client: Client) -> None:
    builders.contacts(7, attributes={"city": "تهران"}, first_name="سارا")
    builders.contacts(2, start=50)
    response = client.post(COUNT, typed(CITY, {}))
    assert response.context["found"].number == 7
    assert len(response.context["found"].people) == 5
    assert "سارا" in response.content.decode()
    assert client.post(COUNT, typed({})).context["conditions"] is None


def test_the_list_says_each_size_by_itself(client: Client) -> None:
    builders.contacts(3, attributes={"city": "تهران"})
    made = segment()
    assert f"/segments/{made.pk}/size/" in client.get("/segments/").content.decode()
    assert "<b>۳</b>" in client.get(f"/segments/{made.pk}/size/").content.decode()


def test_the_list_asks_no_more_with_many(client: Client) -> None:
    book, over = builders.phonebook([]), builders.line(builders.account())
    asked = []
    for number in (1, 8):
        for n in range(number):
            made = segment(f"{number} {n}", field="phonebook", test="one_of", value=[book.pk])
            builders.draft(over, AudienceRule(kind="segment", segment=made))
        with CaptureQueriesContext(connection) as queries:
            client.get("/segments/")
        asked.append(len(queries))
    assert asked[0] == asked[1]


def test_a_segment_is_changed_and_duplicated(client: Client) -> None:
    made = segment()
    page = client.get(f"{NEW}?like={made.pk}")
    assert page.context["form"].rows[0].text == "تهران"
    assert "Regulars" in page.context["form"]["name"].value()
    client.post(f"/segments/{made.pk}/", typed(CITY | {"value": "کرج"}, name="Others"))
    made.refresh_from_db()
    assert (made.name, made.conditions["conditions"][0]["value"]) == ("Others", "کرج")


def test_a_segment_that_a_campaign_names_is_not_deleted(client: Client) -> None:
    made = segment()
    campaign = builders.draft(builders.line(builders.account()), AudienceRule(kind="segment", segment=made))
    page = client.post(f"/segments/{made.pk}/delete/", follow=True).content.decode()
    assert campaign.name in page
    assert Segment.objects.exists()
    campaign.delete()
    assert [client.post(f"/segments/{made.pk}/delete/").status_code for _ in range(2)] == [302, 302]
    assert not Segment.objects.exists()


def test_who_may_only_look_looks() -> None:
    made, guest = segment(), client_of("guest")
    assert guest.get("/segments/").status_code == 200
    assert guest.get(f"/segments/{made.pk}/size/").status_code == 200
    assert [guest.get(path).status_code for path in (NEW, f"/segments/{made.pk}/")] == [403, 403]
    assert guest.post(f"/segments/{made.pk}/delete/").status_code == 403


def test_nothing_is_asked_of_digits_that_are_hidden(client: Client) -> None:
    begins = {"field": "phone", "test": "begins", "value": "0912000"}
    assert '<option value="phone"' not in client.get(NEW).content.decode()
    assert [client.post(path, typed(CITY, begins)).status_code for path in (NEW, COUNT)] == [422, 403]
    made, seeing = segment(**begins), client_of("seeing", "add_segment", "see_numbers")
    assert client.post(f"/segments/{made.pk}/", typed(begins | {"value": "0912001"})).status_code == 422
    assert Segment.objects.get().conditions == made.conditions
    assert [seeing.post(path, typed(CITY, begins)).status_code for path in (NEW, COUNT)] == [302, 200]


def test_the_attributes_offered_are_those_of_imports_and_of_some_contacts(client: Client) -> None:
    builders.contacts(3, attributes={"شهر": "تهران"})
    ContactImport.objects.create(filename="a.csv", mapping={"columns": ["phone", "attribute:size", "ignore"]})
    assert client.get(NEW).context["form"].keys == ["شهر", "size"]


@pytest.mark.parametrize(
    "hostile",
    [
        {"row": ["r0", "<b>", "x" * 99], "r0-field": "\0", "r0-test": "\0"},
        {"row": ["r0"], "r0-field": "campaign", "r0-test": "delivered", "r0-value": "9" * 40, "r0-q": "\0"},
        {"row": ["r0"], "r0-field": "attribute", "r0-key": "\0", "r0-test": "is", "r0-value": "\0"},
        {"row": [f"r{n}" for n in range(500)], "match": "\0", "remove": "\0", "add": "\0"},
    ],
)
def test_hostile_forms_get_an_answer(client: Client, hostile: dict[str, Any]) -> None:
    assert client.post(ROWS, hostile).status_code == 200
    assert client.post(COUNT, hostile).status_code == 200
    assert client.post(NEW, hostile).status_code in (200, 422)
