"""The refused rows of an import as a table: to be read in a spreadsheet, corrected and imported again."""

from __future__ import annotations

from collections.abc import Iterator

from contacts.importing import mapping
from contacts.importing.reasons import ROW_REASONS
from contacts.models import ContactImport


def table(contact_import: ContactImport) -> tuple[list[str], Iterator[list[object]]]:
    """The header and the rows: line, column, value, reason, and then the row as it was, under the file's own header.

    Words are translated now: while it streams no language is active.
    """
    header = [*map(str, mapping.HELPERS), *contact_import.header]
    return header, _rows(contact_import, {code: str(sentence) for code, sentence in ROW_REASONS.items()})


def _rows(contact_import: ContactImport, sentences: dict[str, str]) -> Iterator[list[object]]:
    for issue in contact_import.issues.order_by("pk").iterator(chunk_size=2_000):
        yield [issue.line, issue.column, issue.value, sentences.get(issue.code, issue.code), *issue.row]
