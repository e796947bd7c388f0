"""Every model in the admin: its pages open, and ask the database as often for sixty rows as for two."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.project import rows

pytestmark = pytest.mark.django_db
# Models that stand for themselves nowhere: what they are is beside them.
NOT_SHOWN = {
    "auth.permission",  # code
    "contenttypes.contenttype",  # code
    "sessions.session",  # secrets
    "django_q.task",  # shown as successes and failures
    "django_q.schedule",  # a shell
    "django_q.ormq",  # pickles
    "campaigns.providerref",  # an index: a message is found by it
}
SHOWN = [model for model in apps.get_models() if model._meta.label_lower not in NOT_SHOWN]
MADE = [model for model in SHOWN if model._meta.app_label != "django_q"]
SEARCHES = ("", "?q=x", "?q=1", "?q=09120000001", "?p=1", "?q=%00%27%25")


def label(model: type[Model]) -> str:
    return model._meta.label


@pytest.fixture
def root(admin_client: Client) -> Client:
    return admin_client


def address(model: type[Model], page: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def test_every_model_is_in_the_admin() -> None:
    assert [model._meta.label for model in SHOWN if not admin.site.is_registered(model)] == []


@pytest.mark.parametrize("model", MADE, ids=label)
def test_every_page_of_a_model_opens(root: Client, model: type[Model]) -> None:
    row = rows.make(model, 2)[0]
    for search in SEARCHES:
        assert root.get(address(model, "changelist") + search).status_code in (200, 302), search
    assert root.get(address(model, "change", row.pk)).status_code == 200
    assert root.get(address(model, "history", row.pk)).status_code == 200
    for page, args in (("add", ()), ("delete", (row.pk,))):
        assert root.get(address(model, page, *args)).status_code in (200, 403), page


@pytest.mark.parametrize("model", MADE, ids=label)
def test_every_filter_of_a_model_works(root: Client, model: type[Model]) -> None:
    rows.make(model, 2)
    page = root.get(address(model, "changelist")).context["cl"]
    for found in page.filter_specs:
        for choice in itertools.islice(found.choices(page), 20):
            assert root.get(address(model, "changelist") + choice["query_string"]).status_code == 200, choice


@pytest.mark.parametrize("model", MADE, ids=label)
def test_every_page_asks_as_often_among_sixty_rows_as_among_two(root: Client, model: type[Model]) -> None:
    row = rows.make(model, 2)[0]
    pages = [address(model, "changelist"), address(model, "changelist") + "?q=1"]
    pages += [address(model, page, row.pk) for page in ("change", "history", "delete")]
    root.get(pages[2])  # what is kept for all requests is kept by now
    before = [_queries(root, page) for page in pages]
    rows.make(model, 58)
    assert [_queries(root, page) for page in pages] == before


def _queries(client: Client, page: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        client.get(page)
    return len(captured)


@pytest.mark.parametrize("model", MADE, ids=label)
def test_a_filter_never_counts_its_choices(model: type[Model]) -> None:
    assert admin.site.get_model_admin(model).show_facets is admin.ShowFacets.NEVER


def test_an_action_is_never_on_all_that_a_search_finds(root: Client) -> None:
    model = apps.get_model("contacts", "Suppression")
    first = rows.make(model, 3)[0]
    sent = {"action": "delete_selected", "_selected_action": [first.pk], "select_across": "1", "post": "yes"}
    root.post(address(model, "changelist"), sent)
    assert model._default_manager.count() == 3


def test_only_a_superuser_makes_others_more_than_they_are(client: Client) -> None:
    boss = User.objects.create_superuser("boss", password="irrelevant")
    clerk = User.objects.create_user("clerk", is_staff=True)
    clerk.user_permissions.set(rows.permissions("change_user", "view_user", "add_user"))
    client.force_login(clerk)
    assert client.post(address(User, "change", boss.pk), {"username": "x"}).status_code == 403
    assert client.get(f"/admin/auth/user/{boss.pk}/password/").status_code == 403
    group = Group.objects.get(name="administrator")
    form = {"username": "clerk", "is_staff": "on", "is_superuser": "on", "groups": [group.pk], "user_permissions": [1]}
    client.post(address(User, "change", clerk.pk), form | {"last_name": "Karimi"})
    clerk.refresh_from_db()
    assert (clerk.last_name, clerk.is_superuser, clerk.is_active) == ("Karimi", False, True)
    assert not clerk.groups.exists()
    assert clerk.user_permissions.count() == 3


def test_the_last_administrator_stays_one_in_the_admin(root: Client) -> None:
    clerk = User.objects.create_user("clerk", is_staff=True)
    clerk.user_permissions.set(rows.permissions("change_user", "view_user"))
    boss = User.objects.get(is_superuser=True)
    User.objects.filter(pk=boss.pk).update(is_superuser=False)
    boss.groups.set(Group.objects.filter(name="administrator"))
    root.force_login(clerk)
    taken = {"username": "admin", "is_active": "on"}
    assert root.post(address(User, "change", boss.pk), taken).status_code == 200
    assert boss.groups.exists()
    clerk.groups.set(boss.groups.all())
    assert root.post(address(User, "change", boss.pk), taken).status_code == 302
    assert not boss.groups.exists()
