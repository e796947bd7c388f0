"""``import_contacts``: the interface for scripts."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from contacts.models import Contact, ContactImport, JobCategory, Membership, Phonebook

pytestmark = pytest.mark.django_db(transaction=True)


def imported(path: Path, *options: str) -> dict[str, Any]:
    out = StringIO()
    call_command("import_contacts", str(path), "--phonebook", "customers", "--json", *options, stdout=out)
    answer: dict[str, Any] = json.loads(out.getvalue())
    return answer


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "customers.csv"
    path.write_text(
        "موبايل,نام,نام خانوادگی,شهر\n09121234567,سارا,محمدي,تهران\n0935 123 4567,علی,,\n0912,x,y,\n", "utf-8"
    )
    return path


def test_it_prints_the_accounting_as_one_object(file: Path) -> None:
    answer = imported(file)
    counts = {name: value for name, value in answer.items() if name not in ("id", "seconds")}
    assert counts == {"rows": 3, "new": 2, "updated": 0, "unchanged": 0, "repeated": 0, "refused": 1}
    assert list(answer) == ["id", "rows", "new", "updated", "unchanged", "repeated", "refused", "seconds"]


def test_it_makes_the_phonebook_and_fills_it_in_the_files_order(file: Path) -> None:
    imported(file)
    phonebook = Phonebook.objects.get(name="customers")
    phones = Membership.objects.filter(phonebook=phonebook).order_by("id").values_list("contact__phone", flat=True)
    assert list(phones) == ["+989121234567", "+989351234567"]
    assert phonebook.size == 2


def test_a_second_import_of_the_same_file_changes_nothing(file: Path) -> None:
    imported(file)
    before = list(Contact.objects.order_by("id").values())
    answer = imported(file)
    assert (answer["unchanged"], answer["new"], answer["updated"]) == (2, 0, 0)
    assert list(Contact.objects.order_by("id").values()) == before


def test_unknown_columns_become_attributes_only_if_asked(file: Path) -> None:
    imported(file)
    assert Contact.objects.get(phone="+989121234567").attributes == {}
    assert imported(file, "--attributes")["updated"] == 1
    assert Contact.objects.get(phone="+989121234567").attributes == {"شهر": "تهران"}


def test_a_dry_run_counts_and_changes_nothing(file: Path) -> None:
    answer = imported(file, "--dry-run")
    assert (answer["rows"], answer["new"], answer["refused"]) == (3, 2, 1)
    assert not Contact.objects.exists()
    assert not Phonebook.objects.exists()


def test_a_column_can_be_mapped_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a,b\n09121234567,Sara\n")
    imported(path, "--map", "b=first_name")
    assert Contact.objects.get().first_name == "Sara"


@pytest.mark.parametrize(
    ("content", "options", "sentence"),
    [
        (b"", [], "empty"),
        (b"name,city\nSara,Tehran\n", [], "No column"),
        (b"PK\x03\x04" + bytes(200), [], "workbook"),
        (b"phone\n0912\n", ["--map", "nothing=phone"], "no column"),
        (b"phone\n0912\n", ["--map", "phone=colour"], "not a field"),
    ],
)
def test_a_file_it_cannot_take_is_refused_in_a_sentence(
    tmp_path: Path, content: bytes, options: list[str], sentence: str, settings: Any
) -> None:
    settings.LANGUAGE_CODE = "en"
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    with pytest.raises(CommandError, match=sentence):
        imported(path, *options)
    assert not ContactImport.objects.exists()
    assert not Phonebook.objects.exists()


def test_several_phonebooks_are_filled(file: Path) -> None:
    imported(file, "--phonebook", "members")
    assert set(Phonebook.objects.values_list("name", "size")) == {("customers", 2), ("members", 2)}


@pytest.mark.parametrize(
    ("options", "left"),
    [
        ([], [None, None]),
        (["--make-categories"], ["Shops", "Bakeries"]),
        (["--map", "category=category"], ["Shops"]),
    ],
)
def test_job_categories_are_taken_where_asked_for(tmp_path: Path, options: list[str], left: list[str | None]) -> None:
    JobCategory.objects.create(name="Shops")
    path = tmp_path / "x.csv"
    path.write_text("phone,category\n09120000001,Shops\n09120000002,Shops/Bakeries\n")
    answer = imported(path, *options)
    assert answer["refused"] == 2 - len(left)
    assert list(Contact.objects.order_by("phone").values_list("job_category__name", flat=True)) == left
