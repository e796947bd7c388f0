"""Job categories of ours: the tree and its counts, adding, moving, joining, deleting, and copying a provider's."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.translation import override

from campaigns.models import AudienceRule
from contacts import categories
from contacts.models import Contact, JobCategory
from tests import builders

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("owner"))
    return client


@pytest.fixture
def shops() -> JobCategory:
    return JobCategory.objects.create(name="Shops")


@pytest.fixture
def bakeries(shops: JobCategory) -> JobCategory:
    return JobCategory.objects.create(name="Bakeries", parent=shops)


def names() -> list[str]:
    """The tree as the page shows it: main categories, and subs behind a dash."""
    return [f"- {it.name}" if it.parent_id else it.name for it in JobCategory.objects.ours().in_tree_order()]


def category_of(contact: Contact) -> int | None:
    return Contact.objects.values_list("job_category", flat=True).get(pk=contact.pk)


def test_a_main_category_counts_its_subs_too_by_operator(shops: JobCategory, bakeries: JobCategory) -> None:
    builders.contacts(2, operator=1, job_category=shops)
    builders.contacts(3, start=2, operator=2, job_category=bakeries)
    builders.contacts(1, start=5, operator=0, job_category=bakeries)
    builders.contacts(1, start=6, operator=1)
    (main,) = categories.tree()
    assert (main.counts, main.total) == ([2, 3, 0, 1], 6)
    assert [(child.category, child.counts) for child in main.children] == [(bakeries, [0, 3, 0, 1])]


def test_the_page_takes_as_many_queries_for_many_categories_as_for_one(owner: Client, shops: JobCategory) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert owner.get("/categories/").status_code == 200
        return len(captured)

    queries()
    before = queries()
    for number in range(20):
        main = JobCategory.objects.create(name=f"main {number}")
        sub = JobCategory.objects.create(name=f"sub {number}", parent=main)
        builders.contacts(1, start=number, operator=1, job_category=sub)
    assert queries() == before


def test_a_category_is_made_renamed_and_moved(owner: Client, shops: JobCategory) -> None:
    owner.post("/categories/", {"name": " قنادي  ها ", "parent": shops.pk})
    sub = JobCategory.objects.get(name="قنادی ها")
    assert sub.parent == shops
    owner.post(f"/categories/{sub.pk}/", {"name": "Sweets", "parent": ""})
    assert names() == ["Shops", "Sweets"]
    owner.post(f"/categories/{sub.pk}/", {"name": "Sweets", "parent": shops.pk})
    assert names() == ["Shops", "- Sweets"]


def test_there_is_no_third_level(owner: Client, shops: JobCategory, bakeries: JobCategory) -> None:
    food = JobCategory.objects.create(name="Food")
    owner.cookies[settings.LANGUAGE_COOKIE_NAME] = "en"
    with override("en"), pytest.raises(ValidationError, match="sub-category cannot have sub-categories"):
        JobCategory(name="Rye", parent=bakeries).full_clean()
    assert owner.post("/categories/", {"name": "Rye", "parent": bakeries.pk}).status_code == 422
    response = owner.post(f"/categories/{shops.pk}/", {"name": "Shops", "parent": food.pk})
    assert response.status_code == 422
    assert "sub-categories of its own" in str(response.context["form"].errors["parent"])
    assert names() == ["Food", "Shops", "- Bakeries"]


def test_a_main_category_is_none_of_an_accounts(shops: JobCategory) -> None:
    theirs = JobCategory.objects.create(name="Theirs", account=builders.account(), provider_ref="1")
    with override("en"), pytest.raises(ValidationError, match="kept in the same place"):
        JobCategory(name="Ours", parent=theirs).full_clean()


@pytest.mark.parametrize(("name", "beneath"), [("Shops", False), ("Bakeries", True), ("Bakeries ", True)])
def test_a_name_that_is_taken_is_told_in_a_sentence(
    owner: Client, shops: JobCategory, bakeries: JobCategory, name: str, beneath: bool
) -> None:
    owner.cookies[settings.LANGUAGE_COOKIE_NAME] = "en"
    response = owner.post("/categories/", {"name": name, "parent": shops.pk if beneath else ""})
    assert response.status_code == 422
    assert "of this name already" in str(response.context["form"].errors["name"])


def test_the_same_name_may_stand_in_two_places(owner: Client, shops: JobCategory, bakeries: JobCategory) -> None:
    assert owner.post("/categories/", {"name": "Bakeries", "parent": ""}).status_code == 302
    assert names() == ["Bakeries", "Shops", "- Bakeries"]


@pytest.mark.parametrize("parent", ["9" * 30, "-1", "²", "x", "0"])
def test_a_parent_that_cannot_be_is_told_at_its_field(owner: Client, parent: str) -> None:
    response = owner.post("/categories/", {"name": "New", "parent": parent})
    assert (response.status_code, list(response.context["form"].errors)) == (422, ["parent"])


def test_a_deleted_category_leaves_its_contacts_to_another(owner: Client, shops: JobCategory) -> None:
    heir = JobCategory.objects.create(name="Stores")
    (contact,) = builders.contacts(1, job_category=shops)
    assert owner.post(f"/categories/{shops.pk}/delete/", {"heir": heir.pk}).status_code == 302
    owner.post(f"/categories/{shops.pk}/delete/", {"heir": ""})  # a second press
    changed = Contact.objects.get()
    assert (names(), changed.job_category) == (["Stores"], heir)
    assert changed.updated_at > contact.updated_at


def test_a_deleted_main_category_takes_its_subs_along(owner: Client, shops: JobCategory, bakeries: JobCategory) -> None:
    builders.contacts(1, job_category=bakeries)
    owner.post(f"/categories/{shops.pk}/delete/", {"heir": ""})
    assert (names(), Contact.objects.get().job_category) == ([], None)


def test_joined_main_categories_join_their_subs_of_one_name(shops: JobCategory, bakeries: JobCategory) -> None:
    stores = JobCategory.objects.create(name="Stores")
    twin = JobCategory.objects.create(name="Bakeries", parent=stores)
    JobCategory.objects.create(name="Butchers", parent=shops)
    (baker,) = builders.contacts(1, job_category=bakeries)
    (owner_of_shop,) = builders.contacts(1, start=1, job_category=shops)
    assert categories.remove(shops, stores) == 2
    assert names() == ["Stores", "- Bakeries", "- Butchers"]
    assert (category_of(baker), category_of(owner_of_shop)) == (twin.pk, stores.pk)


def test_a_category_that_a_campaign_names_stays_with_all_it_has(owner: Client, shops: JobCategory) -> None:
    builders.contacts(1, job_category=shops)
    rule = AudienceRule(kind=AudienceRule.Kind.JOB_CATEGORY, job_category=shops)
    builders.draft(builders.line(builders.account()), rule)
    response = owner.post(f"/categories/{shops.pk}/delete/", {"heir": ""}, follow=True)
    assert "Nowruz" in response.content.decode()
    assert (names(), Contact.objects.get().job_category) == (["Shops"], shops)


def test_a_category_goes_to_none_of_its_own_subs(owner: Client, shops: JobCategory, bakeries: JobCategory) -> None:
    for heir in (shops, bakeries):
        assert owner.post(f"/categories/{shops.pk}/delete/", {"heir": heir.pk}).status_code == 422
    assert names() == ["Shops", "- Bakeries"]


def test_a_providers_tree_is_copied_once(owner: Client, shops: JobCategory) -> None:
    account = builders.account()
    main = JobCategory.objects.create(name="Shops", account=account, provider_ref="1")
    gone = timezone.now()
    for ref, name, fields in (("1", "كافه", {}), ("2", "Kiosks", {}), ("3", "Gone", {"gone_since": gone})):
        JobCategory.objects.create(name=name, account=account, parent=main, provider_ref=ref, **fields)
    for _press in range(2):
        owner.post(f"/accounts/{account.pk}/lists/categories/copy/")
    assert names() == ["Shops", "- Kiosks", "- کافه"]


@pytest.mark.parametrize("path", ["/categories/", "/categories/{}/", "/categories/{}/delete/"])
def test_who_has_no_permission_looks_and_changes_nothing(client: Client, shops: JobCategory, path: str) -> None:
    client.force_login(User.objects.create_user("teammate"))
    assert client.get("/categories/").status_code == client.get(f"/categories/{shops.pk}/").status_code == 200
    assert client.post(path.format(shops.pk), {"name": "Mine"}).status_code == 403
    assert names() == ["Shops"]


def test_the_admin_lists_the_tree_and_refuses_a_third_level(
    owner: Client, shops: JobCategory, bakeries: JobCategory
) -> None:
    JobCategory.objects.create(name="Arts")
    page: Any = owner.get("/admin/contacts/jobcategory/")
    assert [str(it) for it in page.context["cl"].result_list] == ["Arts", "Shops", "Shops / Bakeries"]
    response = owner.post("/admin/contacts/jobcategory/add/", {"name": "Rye", "parent": bakeries.pk})
    assert response.status_code == 200
    assert response.context["adminform"].form.errors["parent"]
    owner.post(f"/admin/contacts/jobcategory/{bakeries.pk}/change/", {"name": "Bakers", "parent": shops.pk})
    assert names() == ["Arts", "Shops", "- Bakers"]


def test_a_providers_category_is_only_looked_at_in_the_admin(owner: Client) -> None:
    theirs = JobCategory.objects.create(name="Theirs", account=builders.account(), provider_ref="1")
    address = f"/admin/contacts/jobcategory/{theirs.pk}/change/"
    assert owner.get(address).status_code == 200
    assert owner.post(address, {"name": "Ours"}).status_code == 403
