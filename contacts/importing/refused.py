"""The refused rows of an import as a CSV file: to be read in a spreadsheet, corrected and imported again."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence

from django.utils.translation import get_language, override
from django.utils.translation import gettext as _

from contacts.importing.reasons import sentence
from contacts.models import ContactImport

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class _Echo:
    """A file for the csv writer that returns what it is given."""

    def write(self, text: str) -> str:
        return text


def as_csv(contact_import: ContactImport) -> Iterator[bytes]:
    """UTF-8 with a BOM, for Excel: line, column, reason, and then the row as it was, under the file's own header.

    No cell is a formula: one that would begin like it gets an apostrophe in front, which an import takes off a number.
    The language is the caller's, also where the lines are made later.
    """
    language = get_language()
    return _lines(contact_import, language)


def _lines(contact_import: ContactImport, language: str | None) -> Iterator[bytes]:
    writer = csv.writer(_Echo())
    with override(language):
        yield b"\xef\xbb\xbf" + _line(writer, [_("line"), _("column"), _("value"), _("reason"), *contact_import.header])
    for issue in contact_import.issues.order_by("pk").iterator(chunk_size=2_000):
        with override(language):
            reason = sentence(issue.code)
        yield _line(writer, [str(issue.line), issue.column, issue.value, reason, *issue.row])


def _line(writer: object, cells: Sequence[str]) -> bytes:
    safe = [f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells]
    text: str = writer.writerow(safe)  # type: ignore[attr-defined]  # csv.writer is no public class
    return text.encode()
