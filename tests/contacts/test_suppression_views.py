"""The screens of suppressions: who may what, finding one, adding by hand and by file, lifting."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from contacts import suppression_files, suppressions
from contacts.models import Suppression, SuppressionChange, SuppressionFile
from tests import builders

pytestmark = pytest.mark.django_db
LIST, NEW, FILES = "/suppressions/", "/suppressions/new/", "/suppressions/files/"
TERMS = {"scope": "advertising", "reason": "manual", "note": "asked by phone"}


@pytest.fixture(autouse=True)
def _in_english() -> Any:
    with translation.override("en"):
        yield


@pytest.fixture
def owner(client: Client) -> Client:
    user = User.objects.create_user("owner")
    user.user_permissions.set(Permission.objects.filter(codename__in=["add_suppression", "delete_suppression"]))
    client.force_login(user)
    client.cookies["django_language"] = "en"
    return client


@pytest.fixture
def teammate(client: Client) -> Client:
    client.force_login(User.objects.create_user("teammate"))
    client.cookies["django_language"] = "en"
    return client


def held(*numbers: int, **terms: Any) -> list[Suppression]:
    values = {"scope": "all", "reason": "manual", "source": "hand", **terms}
    suppressions.suppress([builders.phone(n) for n in numbers], **values)
    return list(Suppression.objects.order_by("-pk")[: len(numbers)])


def shown(client: Client, query: str = "") -> list[str]:
    page = client.get(LIST + query).context["page"]
    return [row.phone for row in page.rows]


@pytest.mark.parametrize("path", [LIST, NEW, FILES])
def test_every_screen_needs_a_login(client: Client, path: str) -> None:
    assert client.get(path).headers["Location"].startswith("/login/")


def test_a_teammate_may_look_and_not_touch(teammate: Client) -> None:
    [one] = held(1)
    assert shown(teammate) == [one.phone]
    for path in (NEW, FILES, f"/suppressions/{one.pk}/lift/"):
        assert teammate.get(path).status_code == 403
        assert teammate.post(path).status_code == 403
    assert NEW not in teammate.get(LIST).content.decode()
    assert Suppression.objects.get() == one


@pytest.mark.parametrize("typed", ["0912 000 0001", "۰۹۱۲۰۰۰۰۰۰۱", "+989120000001", "9120000001", "%2B989120000001"])
def test_a_number_is_found_in_any_form_with_what_became_of_it(owner: Client, typed: str) -> None:
    held(1, 2)
    page = owner.get(f"{LIST}?q={typed}")
    assert [row.phone for row in page.context["page"].rows] == [builders.phone(1)]
    assert [change.phone for change in page.context["changes"]] == [builders.phone(1)]


def test_the_list_is_narrowed_by_scope_reason_and_line(owner: Client) -> None:
    line = builders.line(builders.account())
    held(1)
    held(2, scope="advertising", reason="blocked", source="delivery report")
    held(3, scope="line", line=line, reason="opt_out")
    assert shown(owner, "?scope=advertising") == [builders.phone(2)]
    assert shown(owner, "?reason=opt_out") == [builders.phone(3)]
    assert shown(owner, f"?line={line.pk}") == [builders.phone(3)]
    assert len(shown(owner, "?scope=nonsense&reason=x&line=9999999999999999999999")) == 3
    assert shown(owner, "?q=hello") == []


def test_pages_follow_each_other_with_as_many_queries_as_one_row_has(owner: Client) -> None:
    held(0)
    with CaptureQueriesContext(connection) as with_one:
        owner.get(LIST)
    held(*range(1, 120))
    with CaptureQueriesContext(connection) as with_many:
        first = owner.get(LIST).context["page"]
    assert len(with_many) == len(with_one)
    second = owner.get(LIST + first.next).context["page"]
    assert not {row.pk for row in first.rows} & {row.pk for row in second.rows}


def test_many_pasted_numbers_are_suppressed_in_whatever_form(owner: Client) -> None:
    held(2, scope="advertising")
    pasted = "0912 000 0001\n۰۹۱۲۰۰۰۰۰۰۲، +98 912 000 0003\n0912-000-0001"
    page = owner.post(NEW, {**TERMS, "numbers": pasted}, follow=True)
    assert "2 numbers were suppressed. 1 was so before." in page.content.decode()
    made = Suppression.objects.filter(note="asked by phone", created_by__username="owner")
    assert {each.phone for each in made} == {builders.phone(1), builders.phone(3)}
    assert {each.scope for each in made} == {"advertising"}


def test_a_number_that_is_none_is_told_and_nothing_is_lost(owner: Client) -> None:
    page = owner.post(NEW, {**TERMS, "numbers": "09120000001\n0912\nhello"})
    text = page.content.decode()
    assert page.status_code == 422
    assert "too few digits" in text
    assert "This is not a phone number" in text
    assert "09120000001" in text
    assert not Suppression.objects.exists()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"scope": "line"}, "Choose the line."),
        ({"scope": "nonsense"}, "Select a valid choice"),
        ({"reason": "blocked"}, "Select a valid choice"),  # a provider's word, not an operator's
        ({"numbers": " ,\n"}, "This field is required."),
        ({"line": "99999999999999999999"}, "Select a valid choice"),
        ({"numbers": ",".join(["09120000001"] * 3 + [builders.phone(n) for n in range(10_001)])}, "more than 10,000"),
    ],
)
def test_what_cannot_be_is_a_sentence(owner: Client, given: dict[str, str], words: str) -> None:
    page = owner.post(NEW, {"numbers": "09120000001", **TERMS, **given})
    assert page.status_code == 422
    assert words in page.content.decode()
    assert not Suppression.objects.exists()


def test_a_file_goes_to_the_worker_and_tells_what_became_of_it(owner: Client) -> None:
    file = SimpleUploadedFile("stops.csv", "موبایل\n09120000001\n0912\n".encode())
    to = owner.post(FILES, {**TERMS, "file": file}).headers["Location"]
    job = SuppressionFile.objects.get()
    assert to == f"{FILES}{job.pk}/"
    assert "hx-get" in owner.get(to).content.decode()
    assert suppression_files.run(job.pk)
    assert owner.get(f"{to}live/").headers["HX-Refresh"] == "true"
    text = owner.get(to).content.decode()
    assert "too few digits" in text
    assert "hx-get" not in text


def test_a_file_that_is_none_is_a_sentence(owner: Client) -> None:
    page = owner.post(FILES, {**TERMS, "file": SimpleUploadedFile("a.csv", b"")})
    assert page.status_code == 422
    assert "The file is empty." in page.content.decode()
    assert not SuppressionFile.objects.exists()


def test_a_file_that_is_being_read_can_be_stopped(owner: Client) -> None:
    owner.post(FILES, {**TERMS, "file": SimpleUploadedFile("a.csv", b"mobile\n09120000001\n")})
    job = SuppressionFile.objects.get()
    assert "The file was stopped" in owner.post(f"{FILES}{job.pk}/cancel/", follow=True).content.decode()
    assert SuppressionFile.objects.get().status == "cancelled"


@pytest.mark.parametrize(
    ("reason", "words"), [("opt_out", "has asked not to get"), ("blocked", "blocks advertising"), ("manual", "again")]
)
def test_lifting_asks_what_it_means_and_is_written_down(owner: Client, reason: str, words: str) -> None:
    [one] = held(1, reason=reason)
    held(1, scope="advertising", reason="blocked")
    path = f"/suppressions/{one.pk}/lift/"
    page = owner.get(path).content.decode()
    assert words in page
    assert "stays suppressed all the same" in page
    for _ in range(2):
        assert "was lifted" in owner.post(path, {"note": "wrote to us"}, follow=True).content.decode()
    change = SuppressionChange.objects.get(made=False)
    assert (change.phone, change.reason, change.note, str(change.changed_by)) == (
        one.phone,
        reason,
        "wrote to us",
        "owner",
    )
    assert Suppression.objects.get().scope == "advertising"
