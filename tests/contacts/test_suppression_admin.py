"""Suppressions in the admin, and an account's inbox on its page."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.fixtures import Settings

from contacts.models import ReplyInbox, Suppression, SuppressionChange
from tests import builders
from tests.contacts.mirrors import keeping

pytestmark = pytest.mark.django_db
ADMIN = "/admin/contacts/suppression/"
GIVEN = {"phone": "۰۹۱۲ ۰۰۰ ۰۰۰۱", "scope": "all", "reason": "manual", "note": "court order"}


@pytest.fixture
def owner(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("owner"))
    client.cookies["django_language"] = "en"
    return client


def test_what_the_admin_adds_and_deletes_is_written_down(owner: Client) -> None:
    assert owner.post(f"{ADMIN}add/", GIVEN).status_code == 302
    assert owner.post(f"{ADMIN}add/", GIVEN).status_code == 200  # it is there already: the form again
    held = Suppression.objects.get()
    assert (held.phone, held.source, held.note) == (builders.phone(1), "hand", "court order")
    owner.post(f"{ADMIN}{held.pk}/delete/", {"post": "yes"})
    assert not Suppression.objects.exists()
    changes = SuppressionChange.objects.order_by("pk").values_list("made", "changed_by__username")
    assert list(changes) == [(True, "owner"), (False, "owner")]


def test_many_that_the_admin_deletes_are_written_down(owner: Client) -> None:
    keys = [Suppression.objects.create(phone=builders.phone(n)).pk for n in range(3)]
    owner.post(ADMIN, {"action": "delete_selected", "_selected_action": keys, "post": "yes"})
    assert SuppressionChange.objects.filter(made=False).count() == 3


def test_the_admin_changes_none_and_a_line_needs_its_scope(owner: Client) -> None:
    page = owner.post(f"{ADMIN}add/", {**GIVEN, "scope": "line"})
    assert page.status_code == 200  # the form, with its error
    assert not Suppression.objects.exists()


def test_the_account_tells_how_its_replies_are_heard(owner: Client, settings: Settings) -> None:
    account = keeping()
    assert "none yet" in owner.get(account.get_absolute_url()).content.decode()
    ReplyInbox.objects.create(account=account, stops=1_234, error="connection_refused", attempts=1)
    page = owner.get(account.get_absolute_url()).content.decode()
    assert "1,234" in page
    assert "refuses connections" in page
    settings.OPT_OUT_INTERVAL = 0.0
    assert "switched off" in owner.get(account.get_absolute_url()).content.decode()


def test_an_account_without_an_inbox_says_nothing_of_it(owner: Client) -> None:
    assert "Opt-out replies" not in owner.get(builders.account().get_absolute_url()).content.decode()
