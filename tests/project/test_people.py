"""Accounts of people: who makes them, which role they get, and that nobody locks everybody out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.test import Client
from django.utils import translation

from project import roles
from project.people_forms import role_of

pytestmark = pytest.mark.django_db
FIRST_PASSWORD = "a-long-first-one"


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    with translation.override("en"):
        yield


def signed_in(name: str, role: str = "") -> Client:
    user = User.objects.create_user(name, password="irrelevant")
    user.groups.set(Group.objects.filter(name=role))
    client = Client()
    client.force_login(user)
    client.cookies["django_language"] = "en"
    return client


@pytest.fixture
def administrator() -> Client:
    return signed_in("administrator", roles.ADMINISTRATOR)


def sent(**fields: Any) -> dict[str, Any]:
    return {"username": "leila", "first_name": "Leila", "last_name": "", "role": "composer", "password": "", **fields}


def test_a_person_is_made_with_a_role_and_a_first_password(administrator: Client) -> None:
    assert administrator.post("/people/new/", sent(password=FIRST_PASSWORD)).status_code == 302
    leila = User.objects.get(username="leila")
    assert role_of(leila) == roles.COMPOSER
    assert Client().login(username="leila", password=FIRST_PASSWORD)
    assert leila.has_perm("campaigns.add_campaign")
    assert not leila.has_perm("campaigns.launch_campaign")


def test_a_person_without_a_password_or_with_a_weak_one_is_not_made(administrator: Client) -> None:
    for password in ("", "12345678", "leila"):
        assert administrator.post("/people/new/", sent(password=password)).status_code == 422
    assert not User.objects.filter(username="leila").exists()


def test_a_role_is_changed_and_an_own_group_stays(administrator: Client) -> None:
    leila = User.objects.create_user("leila")
    leila.groups.set([Group.objects.get(name="composer"), Group.objects.create(name="ours")])
    administrator.post(f"/people/{leila.pk}/", sent(role="administrator", is_active="on"))
    leila = User.objects.get(pk=leila.pk)
    assert set(leila.groups.values_list("name", flat=True)) == {"administrator", "ours"}
    assert leila.is_staff
    administrator.post(f"/people/{leila.pk}/", sent(role="", is_active="on"))
    assert list(leila.groups.values_list("name", flat=True)) == ["ours"]
    assert not User.objects.get(pk=leila.pk).is_staff


def test_who_is_shut_out_is_signed_out_at_once(administrator: Client) -> None:
    other = signed_in("leila", "composer")
    assert other.get("/").status_code == 200
    administrator.post(f"/people/{User.objects.get(username='leila').pk}/", sent())
    assert other.get("/").status_code == 302


def test_nobody_changes_their_own_role_or_shuts_themselves_out(administrator: Client) -> None:
    own = User.objects.get(username="administrator")
    administrator.post(f"/people/{own.pk}/", sent(username="administrator", role="viewer"))
    own.refresh_from_db()
    assert own.is_active
    assert role_of(own) == roles.ADMINISTRATOR


def test_the_last_administrator_cannot_be_removed_by_who_may_change_people(administrator: Client) -> None:
    group = Group.objects.create(name="personnel")
    group.permissions.set(Group.objects.get(name="administrator").permissions.all())
    other = signed_in("other", "personnel")
    last = User.objects.get(username="administrator")
    answer = other.post(f"/people/{last.pk}/", sent(username="administrator", role="viewer", is_active="on"))
    assert answer.status_code == 422
    assert "last administrator" in answer.content.decode()
    assert role_of(User.objects.get(pk=last.pk)) == roles.ADMINISTRATOR


def test_only_a_superuser_changes_a_superuser(administrator: Client) -> None:
    root = User.objects.create_superuser("root", password="irrelevant")
    assert administrator.get(f"/people/{root.pk}/").status_code == 403
    assert administrator.post(f"/people/{root.pk}/", sent(password=FIRST_PASSWORD)).status_code == 403
    root.refresh_from_db()
    assert root.username == "root"


def test_the_list_asks_as_much_of_the_database_for_one_as_for_many(
    administrator: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(30):
        User.objects.create_user(f"user {number}").groups.set(Group.objects.all())
    with django_assert_max_num_queries(12):
        page = administrator.get("/people/").content.decode()
    assert "user 29" in page


def test_what_an_operator_changes_of_a_role_stays_until_it_is_reset() -> None:
    viewer = Group.objects.get(name="viewer")
    viewer.permissions.clear()
    assert roles.make() == []
    assert viewer.permissions.count() == 0
    call_command("roles", reset=True)
    assert viewer.permissions.filter(codename="view_campaign").exists()


def test_a_refusal_names_the_roles_that_may() -> None:
    page = signed_in("leila", "composer").get("/approvals/")
    assert page.status_code == 403
    assert "approver, administrator" in page.content.decode()
