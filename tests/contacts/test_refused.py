"""The refused rows of an import: downloaded, corrected in a spreadsheet, imported again."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.translation import override

from contacts.importing import mapping
from contacts.importing.reading import open_rows
from contacts.importing.sniffing import sniff
from contacts.models import Contact, ContactImport
from interface import tables
from interface.tables import Kind
from tests.contacts.files import imported

pytestmark = pytest.mark.django_db
ROWS = "موبایل,نام,یادداشت\n0912,=1+1,+7\n09351234567,علی,خوب\n02188776655,سارا,'=x\n"


@pytest.fixture
def first(tmp_path: Path) -> ContactImport:
    path = tmp_path / "customers.csv"
    path.write_text(ROWS, "utf-8")
    return imported(path)


def downloaded(client: Client, contact_import: ContactImport, kind: Kind, folder: Path) -> Path:
    response = client.get(reverse("contacts:import_issues", args=[contact_import.pk]), {"format": kind})
    assert response["Content-Type"] == tables.CONTENT_TYPES[kind]
    assert f'"refused-{contact_import.pk}.{kind}"' in response["Content-Disposition"]
    path = folder / f"refused.{kind}"
    path.write_bytes(b"".join(response.streaming_content))  # type: ignore[attr-defined]  # it streams
    return path


def corrected(path: Path, kind: Kind) -> Path:
    """What a person does in a spreadsheet: puts right numbers in, and saves."""
    layout = sniff(path, max_bytes=1 << 20)
    with open_rows(path, layout) as reader:
        rows = [cells for _line, cells, _problem in reader]
    for number, cells in enumerate(rows):
        cells[4] = f"0912000000{number}"
    tables.write(path, kind, layout.header, rows)
    return path


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("language", ["fa", "en"])
def test_a_corrected_file_is_imported_as_it_is(
    first: ContactImport, admin_client: Client, tmp_path: Path, kind: Kind, language: str
) -> None:
    admin_client.cookies["django_language"] = language
    again = imported(corrected(downloaded(admin_client, first, kind, tmp_path), kind))
    assert again.mapping["columns"] == ["ignore"] * 4 + ["phone", "first_name", "attribute:یادداشت"]
    assert (again.new, again.refused) == (2, 0)
    facts = Contact.objects.exclude(first_name="علی").values_list("first_name", "attributes")
    assert list(facts.order_by("phone")) == [("=1+1", {"یادداشت": "+7"}), ("سارا", {"یادداشت": "=x"})]


def test_each_row_tells_where_what_and_why(first: ContactImport, admin_client: Client, tmp_path: Path) -> None:
    admin_client.cookies["django_language"] = "en"
    text = downloaded(admin_client, first, Kind.CSV, tmp_path).read_text("utf-8-sig")
    header, short, _landline = csv.reader(io.StringIO(text))
    assert header == ["Line of the file", "Column at fault", "Value at fault", "Why it was refused",
                      "موبایل", "نام", "یادداشت"]  # fmt: skip
    assert short == ["2", "موبایل", "0912", "The number has too few digits.", "0912", "'=1+1", "'+7"]


@pytest.mark.parametrize("language", ["fa", "en"])
def test_the_columns_in_front_are_known_in_every_language(language: str) -> None:
    with override(language):
        header = [*map(str, mapping.HELPERS), "phone", "name"]
    assert mapping.guess(header, [["2", "phone", "0912", "x", "09121234567", "a"]])[:5] == ["ignore"] * 4 + ["phone"]


def test_a_file_that_has_but_some_of_them_keeps_them() -> None:
    header = [*map(str, mapping.HELPERS[:3]), "phone"]
    assert "ignore" not in mapping.guess(header, [["2", "phone", "0912", "09121234567"]])
