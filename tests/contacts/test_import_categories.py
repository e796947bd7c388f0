"""Job categories from the columns of a file."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from django.db import connection
from django.utils.translation import override

from contacts.importing import categories, loading
from contacts.importing.categories import Category, parse
from contacts.importing.mapping import check, guess
from contacts.models import Contact, ContactImport, JobCategory
from tests.contacts.files import imported, is_postgres, started, write

pytestmark = pytest.mark.django_db


def rows(*cells: str) -> list[list[str]]:
    return [["phone", "category"], *([f"0912000000{number}", cell] for number, cell in enumerate(cells))]


def names() -> list[str]:
    """The category of each contact, in the order of the file."""
    return [
        str(it.job_category or "") for it in Contact.objects.order_by("phone").select_related("job_category__parent")
    ]


def tree() -> list[str]:
    return sorted(str(it) for it in JobCategory.objects.select_related("parent"))


def reasons(contact_import: ContactImport) -> list[tuple[int, str, str, str]]:
    return list(contact_import.issues.order_by("line").values_list("line", "column", "value", "code"))


@pytest.mark.parametrize(
    "cell",
    [
        "پوشاک / کفش",
        "پوشاک/کفش",
        "پوشاك › كفش",
        "پوشاک > کفش",
        "پوشاک - کفش",
        "پوشاک، کفش",
        " پوشاک  –  کفش ",
        "پوشاک: کفش",
    ],
)
def test_two_levels_are_read_as_people_write_them(cell: str) -> None:
    assert parse(cell) == Category("پوشاک", "کفش")


@pytest.mark.parametrize(
    ("cell", "read"), [("", None), (" - ", None), ("نان‌فروشی", Category("نان‌فروشی")), ("A-B", Category("A-B"))]
)
def test_one_level_is_a_main_category_and_a_dash_is_none(cell: str, read: Category | None) -> None:
    assert parse(cell) == read


@pytest.mark.parametrize(
    ("header", "targets"),
    [
        (["موبایل", "دسته شغلی"], ["phone", "category"]),
        (["mobile", "main category", "sub category"], ["phone", "main_category", "sub_category"]),
        (["موبایل", "دسته", "زیر دسته"], ["phone", "main_category", "sub_category"]),
        (["موبایل", "گروه اصلی", "زیرگروه"], ["phone", "main_category", "sub_category"]),
        (["mobile", "subcategory"], ["phone", "attribute:subcategory"]),
        (["mobile", "category", "main category"], ["phone", "attribute:category", "main_category"]),
    ],
)
def test_columns_of_categories_are_guessed_from_their_names(header: list[str], targets: list[str]) -> None:
    assert guess(header, []) == targets
    check(targets)


@pytest.mark.parametrize("targets", [["phone", "sub_category"], ["phone", "category", "main_category"]])
def test_columns_that_do_not_go_together_are_refused(targets: list[str]) -> None:
    with override("en"), pytest.raises(ValueError, match="categor"):
        check(targets)


def test_missing_categories_are_made_on_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "CHUNK_ROWS", 2)
    JobCategory.objects.create(name="پوشاك")
    path = write(tmp_path / "x.csv", rows("پوشاک / کفش", "خدمات", "", "پوشاک", "پوشاک - كفش"))
    assert imported(path, makes_categories=True).new == 5
    assert names() == ["پوشاك / کفش", "خدمات", "", "پوشاك", "پوشاك / کفش"]
    assert tree() == ["خدمات", "پوشاك", "پوشاك / کفش"]


def test_a_row_of_an_unknown_category_is_refused_where_none_may_be_made(tmp_path: Path) -> None:
    JobCategory.objects.create(name="Shops")
    contact_import = imported(write(tmp_path / "x.csv", rows("shops", "Shops / Bakeries", "a / b / c")))
    assert (contact_import.new, contact_import.refused, names()) == (1, 2, ["Shops"])
    assert reasons(contact_import) == [
        (3, "category", "Shops / Bakeries", "category_unknown"),
        (4, "category", "a / b / c", "category_too_deep"),
    ]
    assert tree() == ["Shops"]


def test_a_number_whose_first_row_was_refused_is_no_repetition(tmp_path: Path) -> None:
    JobCategory.objects.create(name="Shops")
    path = write(tmp_path / "x.csv", [["phone", "category"], ["09120000001", "Sops"], ["09120000001", "Shops"]])
    contact_import = imported(path)
    assert (contact_import.refused, contact_import.repeated, contact_import.new) == (1, 0, 1)


def test_two_columns_name_main_and_sub(tmp_path: Path) -> None:
    lines = [["phone", "main category", "sub category"], ["09120000001", "Shops", "Bakeries"], ["09120000002", "", "x"]]
    contact_import = imported(write(tmp_path / "x.csv", lines), makes_categories=True)
    assert (names(), reasons(contact_import)) == (
        ["Shops / Bakeries"],
        [(3, "sub category", "x", "category_without_main")],
    )


@pytest.mark.parametrize(("policy", "left"), [("fill", ["A", "B"]), ("overwrite", ["B", "B"]), ("leave", ["A", ""])])
def test_the_policy_holds_for_the_category_of_a_known_contact(tmp_path: Path, policy: str, left: list[str]) -> None:
    imported(write(tmp_path / "a.csv", rows("A", "")), makes_categories=True)
    rehearsed = imported(write(tmp_path / "b.csv", rows("B", "B")), makes_categories=True, policy=policy, dry_run=True)
    assert tree() == ["A"]
    real = imported(write(tmp_path / "c.csv", rows("B", "B")), makes_categories=True, policy=policy)
    assert (real.updated, names()) == (rehearsed.updated, left)
    blank = imported(write(tmp_path / "d.csv", rows("", "")), policy=policy)
    assert (blank.unchanged, names()) == (2, left)


def test_a_providers_categories_are_not_ours(tmp_path: Path) -> None:
    from tests import builders

    JobCategory.objects.create(name="Shops", account=builders.account(), provider_ref="1")
    assert imported(write(tmp_path / "x.csv", rows("Shops"))).refused == 1


def test_a_column_that_is_no_category_does_not_fill_the_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(categories, "MAX_CATEGORIES", 3)
    path = write(tmp_path / "x.csv", rows("a", "b", "a / c", "d", "a / e", "b"))
    contact_import = imported(path, makes_categories=True)
    assert (contact_import.new, contact_import.refused, tree()) == (4, 2, ["a", "a / c", "b"])
    assert {code for _line, _column, _value, code in reasons(contact_import)} == {"categories_too_many"}


def test_a_category_deleted_in_the_middle_refuses_the_rows_that_name_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    category = JobCategory.objects.create(name="Shops")
    contact_import = started(write(tmp_path / "x.csv", rows("Shops", "Shops")))
    owner = loading._claim(contact_import.pk)
    assert owner
    worker, held = loading._Loader(ContactImport.objects.get(pk=contact_import.pk), owner), loading._Loader._hold

    def deletes(self: loading._Loader) -> None:
        held(self)
        category.delete()

    with monkeypatch.context() as patch:
        patch.setattr(loading._Loader, "_hold", deletes)
        worker.run(None)
    contact_import.refresh_from_db()
    assert (contact_import.refused, contact_import.new) == (2, 0)


@pytest.mark.django_db(transaction=True)
def test_two_imports_make_the_same_category_at_once(tmp_path: Path) -> None:
    if not is_postgres():
        pytest.skip("on SQLite one writes after the other")
    jobs = [
        started(write(tmp_path / f"{n}.csv", rows("A / B", "C")), into=(f"{n}",), makes_categories=True) for n in "xy"
    ]
    both, errors = threading.Barrier(2), list[BaseException]()

    def work(pk: int) -> None:
        try:
            both.wait(30)
            loading.run(pk)
        except BaseException as error:  # noqa: BLE001 - told by the test
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(job.pk,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (errors, tree(), Contact.objects.count()) == ([], ["A", "A / B", "C"], 2)
