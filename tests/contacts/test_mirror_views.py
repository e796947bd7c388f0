"""The screens of what a provider keeps: its panel, phonebooks, numbers and job categories."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django_q.models import OrmQ

from contacts import mirroring
from contacts.models import JobCategory, Mirroring, Phonebook, ProviderNumber
from providers.models import ProviderAccount, SenderLine
from tests import builders
from tests.contacts.mirrors import customers, keeping

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def owner(client: Client) -> Client:
    user = User.objects.create_user("owner")
    named = ["change_provideraccount", "see_numbers"]
    user.user_permissions.set(Permission.objects.filter(codename__in=named))
    client.force_login(user)
    return client


@pytest.fixture
def teammate(client: Client) -> Client:
    client.force_login(User.objects.create_user("teammate"))
    return client


@pytest.fixture
def account() -> ProviderAccount:
    return keeping()


def completed(account: ProviderAccount, phonebook: Phonebook | None = None, **fields: Any) -> Mirroring:
    """A pass that has ended well."""
    stage = "numbers" if phonebook else "subcategories"
    values = {"status": "completed", "stage": stage, "counts": {"lines": 4, "phonebooks": 5}, **fields}
    return Mirroring.objects.create(account=account, phonebook=phonebook, **values)


def numbers(phonebook: Phonebook, count: int) -> None:
    ProviderNumber.objects.bulk_create(
        ProviderNumber(phonebook=phonebook, provider_ref=str(n), phone=f"+98912{n:07}", name=f"n{n}", seen_in=1)
        for n in range(count)
    )


def pages(account: ProviderAccount, phonebook: Phonebook) -> list[str]:
    lists = f"/accounts/{account.pk}/lists/"
    mirrored = f"/phonebooks/mirrored/{phonebook.pk}/"
    return [lists, f"{lists}panel/", f"{lists}categories/", mirrored, f"{mirrored}panel/"]


def test_every_page_needs_a_login(client: Client, account: ProviderAccount) -> None:
    for page in pages(account, customers(account)):
        assert client.get(page).headers["Location"].startswith("/login/")


def test_anybody_signed_in_may_look_and_not_fetch(teammate: Client, account: ProviderAccount) -> None:
    phonebook = customers(account)
    for page in pages(account, phonebook):
        response = teammate.get(page)
        assert (response.status_code, b"/fetch/" in response.content) == (200, False)
    for address in (f"/accounts/{account.pk}/lists/fetch/", f"/phonebooks/mirrored/{phonebook.pk}/fetch/"):
        assert teammate.post(address).status_code == 403
    assert not Mirroring.objects.exists()


def test_an_account_that_keeps_no_lists_has_an_empty_panel_and_no_pages(owner: Client) -> None:
    account = builders.account()
    response = owner.get(f"/accounts/{account.pk}/lists/panel/")
    assert (response.status_code, response.content) == (200, b"")
    assert owner.get(f"/accounts/{account.pk}/lists/").status_code == 404
    assert owner.post(f"/accounts/{account.pk}/lists/fetch/").status_code == 404


def test_the_button_starts_it_and_the_panel_follows_it_to_its_end(
    owner: Client, account: ProviderAccount, django_capture_on_commit_callbacks: Any
) -> None:
    address = f"/accounts/{account.pk}/lists/"
    with django_capture_on_commit_callbacks(execute=True):
        response = owner.post(f"{address}fetch/", headers=HTMX)
    run = Mirroring.objects.get()
    assert [task.task["args"] for task in OrmQ.objects.all()] == [(run.pk,)]
    assert run.created_by == User.objects.get()
    assert f'hx-get="{address}panel/?follows" hx-trigger="every 1s"' in response.content.decode()
    assert "HX-Refresh" not in owner.get(f"{address}panel/?follows", headers=HTMX).headers
    Mirroring.objects.update(status="completed")
    ended = owner.get(f"{address}panel/?follows", headers=HTMX)
    assert (b"hx-trigger" in ended.content, ended.headers["HX-Refresh"]) == (False, "true")
    assert "HX-Refresh" not in owner.get(f"{address}panel/", headers=HTMX).headers


def test_without_script_the_button_leads_to_a_page_that_tells_the_same(owner: Client, account: ProviderAccount) -> None:
    address = f"/accounts/{account.pk}/lists/"
    response = owner.post(f"{address}fetch/")
    assert response.headers["Location"] == address
    page = owner.get(address).content.decode()
    assert "<progress" in page
    assert "<noscript>" in page


def test_the_bar_shows_how_far_it_is(owner: Client, account: ProviderAccount) -> None:
    Mirroring.objects.create(account=account, stage="phonebooks", done=100, total=200)
    context = owner.get(f"/accounts/{account.pk}/lists/panel/").context
    assert (context["share"], context["stage"]) == (0.375, Mirroring.Stage.PHONEBOOKS.label)


def test_a_second_press_starts_no_second_pass_and_says_so(owner: Client, account: ProviderAccount) -> None:
    address = f"/accounts/{account.pk}/lists/fetch/"
    owner.post(address, headers=HTMX)
    response = owner.post(address, headers=HTMX)
    assert response.context["problem"]
    assert Mirroring.objects.count() == 1


def test_a_failure_is_told_in_words_and_can_be_tried_again(owner: Client, account: ProviderAccount) -> None:
    completed(account, status="failed", error="connection_refused", error_text="<b>no</b>")
    page = owner.get(f"/accounts/{account.pk}/lists/")
    failure = mirroring.failure(Mirroring.objects.get())
    assert failure is not None
    assert failure.meaning in page.content.decode()
    assert "&lt;b&gt;no&lt;/b&gt;" in page.content.decode()
    assert page.content.count(b"/lists/fetch/") == 2  # the form's action, and its hx-post


def test_lines_that_the_provider_lost_are_told(owner: Client, account: ProviderAccount) -> None:
    for sender in ("+98OLD", "+98NEW"):
        SenderLine.objects.create(account=account, sender=sender)
    completed(account, senders=["+98NEW"])
    assert owner.get(f"/accounts/{account.pk}/lists/panel/").context["left_lines"] == ["+98OLD"]


def test_the_phonebooks_of_this_account_alone_are_listed_and_found_by_name(
    owner: Client, account: ProviderAccount
) -> None:
    mine = customers(account, name="مشتریان")
    customers(keeping(name="another"))
    Phonebook.objects.create(name="ours")
    address = f"/accounts/{account.pk}/lists/"
    assert [it.pk for it in owner.get(address).context["page"].rows] == [mine.pk]
    assert [it.pk for it in owner.get(address, {"q": "مشتری"}).context["page"].rows] == [mine.pk]
    assert owner.get(address, {"q": "else"}).context["page"].rows == []


def test_pages_lead_forward_to_every_number_once(owner: Client, account: ProviderAccount) -> None:
    phonebook = customers(account)
    numbers(phonebook, 120)
    shown, link = [], ""
    for _page in range(3):
        page = owner.get(f"/phonebooks/mirrored/{phonebook.pk}/{link}").context["page"]
        shown += [int(number.provider_ref) for number in page.rows]
        link = page.next
    assert (shown, link) == (list(range(120)), "")


@pytest.mark.parametrize(("text", "found"), [("09120000003", 1), ("۰۹۱۲", 5), ("0935", 0), ("n3", 0), ("9" * 30, 0)])
def test_a_number_is_found_in_any_form(owner: Client, account: ProviderAccount, text: str, found: int) -> None:
    phonebook = customers(account)
    numbers(phonebook, 5)
    page = owner.get(f"/phonebooks/mirrored/{phonebook.pk}/", {"q": text}).context["page"]
    assert len(page.rows) == found


def test_the_categories_are_a_tree_that_can_be_searched(owner: Client, account: ProviderAccount) -> None:
    for ref, name in ((1, "food"), (2, "health")):
        JobCategory.objects.create(account=account, provider_ref=ref, name=name)
    food = JobCategory.objects.get(name="food")
    for ref, name in ((3, "restaurants"), (4, "bakers")):
        JobCategory.objects.create(account=account, provider_ref=ref, name=name, parent=food)
    JobCategory.objects.create(name="ours")

    def tree(query: str) -> dict[str, list[str]]:
        found = owner.get(f"/accounts/{account.pk}/lists/categories/", {"q": query}).context["tree"]
        return {main.name: [child.name for child in children] for main, children in found}

    assert tree("") == {"food": ["bakers", "restaurants"], "health": []}
    assert tree("food") == {"food": ["bakers", "restaurants"]}
    assert tree("rest") == {"food": ["restaurants"]}


@pytest.mark.parametrize("place", range(5))
def test_a_page_takes_as_many_queries_for_twenty_rows_as_for_one(
    owner: Client, account: ProviderAccount, place: int
) -> None:
    phonebook = customers(account)
    completed(account, phonebook)
    completed(account)
    address = pages(account, phonebook)[place]

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert owner.get(address).status_code == 200
        return len(captured)

    numbers(phonebook, 1)
    main = JobCategory.objects.create(account=account, provider_ref="1", name="main")
    JobCategory.objects.create(account=account, provider_ref="1", name="sub", parent=main)
    queries()
    before = queries()
    for number in range(2, 22):
        another = Phonebook.objects.create(account=account, provider_ref=number, name=f"book {number}")
        completed(account, another)
        main = JobCategory.objects.create(account=account, provider_ref=number, name=f"main {number}")
        JobCategory.objects.create(account=account, provider_ref=number, name="sub", parent=main)
    ProviderNumber.objects.all().delete()
    numbers(phonebook, 20)
    assert queries() == before


# Mirrors stay out of what is meant for our own


def test_a_mirror_is_in_no_list_that_is_meant_for_ours(owner: Client, account: ProviderAccount) -> None:
    mirror = customers(account)
    User.objects.update(is_superuser=True)
    assert list(owner.get("/phonebooks/").context["phonebooks"]) == []
    assert list(owner.get("/contacts/").context["phonebooks"]) == []
    for address in ("/contacts/new/", "/imports/new/"):
        assert mirror not in owner.get(address).context["form"].fields["phonebooks"].queryset


def test_a_mirror_is_neither_renamed_nor_deleted_by_hand(owner: Client, account: ProviderAccount) -> None:
    mirror = customers(account)
    User.objects.update(is_superuser=True)
    address = f"/phonebooks/{mirror.pk}/"
    assert owner.get(address).headers["Location"] == f"/phonebooks/mirrored/{mirror.pk}/"
    owner.post(address, {"name": "mine"})
    owner.post(f"{address}delete/")
    assert Phonebook.objects.get().name == "customers"


def test_one_of_ours_has_no_page_among_the_mirrors(owner: Client) -> None:
    ours = Phonebook.objects.create(name="ours")
    assert owner.get(f"/phonebooks/mirrored/{ours.pk}/").status_code == 404
    assert owner.post(f"/phonebooks/mirrored/{ours.pk}/fetch/").status_code == 404


def test_the_list_of_ours_leads_to_the_accounts_that_keep_lists(owner: Client, account: ProviderAccount) -> None:
    builders.account()
    customers(account)
    accounts = owner.get("/phonebooks/").context["accounts"]
    assert [(it.name, it.phonebooks) for it in accounts] == [("IPPanel", 1)]


@pytest.mark.parametrize("model", ["providernumber", "mirroring"])
def test_the_admin_lists_and_searches_what_was_mirrored(owner: Client, account: ProviderAccount, model: str) -> None:
    User.objects.update(is_superuser=True, is_staff=True)
    numbers(customers(account), 2)
    completed(account)
    for query in ({}, {"q": "0912"}, {"q": "customers"}, {"q": "9" * 30}):
        assert owner.get(f"/admin/contacts/{model}/", query).status_code == 200
