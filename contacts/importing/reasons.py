"""Why a file or a row was refused, in a sentence for people. The codes are what the database keeps."""

from __future__ import annotations

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from contacts import phones

UNBALANCED_QUOTES: Final = "quotes_unbalanced"
RAGGED: Final = "row_ragged"
ROW_TOO_LONG: Final = "row_too_long"
NUL: Final = "row_nul"
UNDECODABLE: Final = "row_undecodable"
NAME_TOO_LONG: Final = "name_too_long"
VALUE_TOO_LONG: Final = "value_too_long"
DATABASE: Final = "database_error"
CATEGORY_UNKNOWN: Final = "category_unknown"
CATEGORY_TOO_DEEP: Final = "category_too_deep"
CATEGORY_TOO_LONG: Final = "category_too_long"
CATEGORY_WITHOUT_MAIN: Final = "category_without_main"
CATEGORIES_TOO_MANY: Final = "categories_too_many"

ROW_REASONS: Final[dict[str, str | Promise]] = {
    phones.EMPTY: _("The row has no phone number."),
    phones.NOT_A_NUMBER: _("This is not a phone number."),
    phones.SCIENTIFIC: _("The spreadsheet has rounded this number (9.12E+09) and its digits are lost."),
    phones.DATE: _("This is a date, not a phone number."),
    phones.TOO_SHORT: _("The number has too few digits."),
    phones.TOO_LONG: _("The number has too many digits."),
    phones.LANDLINE: _("This is a landline; it cannot receive messages."),
    phones.NO_COUNTRY: _("Not an Iranian mobile number; a foreign number needs + or 00 and its country code."),
    phones.NO_SUCH_NUMBER: _("There is no such number in that country."),
    UNBALANCED_QUOTES: _("A quotation mark in this row is not closed."),
    RAGGED: _("The row has more or fewer cells than the header."),
    ROW_TOO_LONG: _("The row is longer than a million characters."),
    NUL: _("The row holds characters that are not text."),
    UNDECODABLE: _("Some characters of the row cannot be read in the file's encoding."),
    NAME_TOO_LONG: _("The name is longer than 100 characters."),
    VALUE_TOO_LONG: _("The value is longer than 1,000 characters."),
    DATABASE: _("The database did not accept this row."),
    CATEGORY_UNKNOWN: _("There is no such job category. Correct its name, or let the import make missing ones."),
    CATEGORY_TOO_DEEP: _("A job category has two levels: “main / sub”."),
    CATEGORY_TOO_LONG: _("The name of a job category is longer than 150 characters."),
    CATEGORY_WITHOUT_MAIN: _("The sub-category has no main category."),
    CATEGORIES_TOO_MANY: _("There are 2,000 job categories; an import makes no more. Is this column one?"),
}

EMPTY_FILE: Final = "file_empty"
ONLY_HEADER: Final = "file_only_header"
WORKBOOK: Final = "file_workbook"
ENCRYPTED: Final = "file_encrypted"
DAMAGED: Final = "file_damaged"
BOMB: Final = "file_bomb"
XML_DECLARATIONS: Final = "file_xml_declarations"
COMPRESSED: Final = "file_compressed"
PDF: Final = "file_pdf"
WEB_PAGE: Final = "file_web_page"
BINARY: Final = "file_binary"
TOO_LARGE: Final = "file_too_large"
TOO_MANY_COLUMNS: Final = "file_too_many_columns"
NO_PHONE_COLUMN: Final = "file_no_phone_column"
MISSING: Final = "file_missing"
CHANGED: Final = "file_changed"
PHONEBOOK_GONE: Final = "phonebook_gone"

FILE_REASONS: Final[dict[str, str | Promise]] = {
    EMPTY_FILE: _("The file is empty."),
    ONLY_HEADER: _("The file has a header and no rows."),
    WORKBOOK: _(
        "This is a workbook of a kind that cannot be read (XLS, XLSB, ODS or Numbers). "
        "Open it, save it as XLSX or “CSV UTF-8”, and choose that file."
    ),
    ENCRYPTED: _("The workbook is locked with a password. Save it without one and choose that file."),
    DAMAGED: _("The workbook is damaged or incomplete. Open it in Excel, save it anew and choose that file."),
    BOMB: _("The workbook unpacks to more than can be read. Save the sheet as “CSV UTF-8” and choose that file."),
    XML_DECLARATIONS: _("The workbook holds instructions that no spreadsheet writes, so it is not opened."),
    COMPRESSED: _("This is a compressed file, neither CSV nor XLSX. Unpack it and choose the file inside."),
    PDF: _("This is a PDF document, neither CSV nor XLSX."),
    WEB_PAGE: _("This is a web page, neither CSV nor XLSX. Open it in Excel, save it as XLSX and choose that file."),
    BINARY: _("This is neither CSV nor XLSX: it holds no table."),
    TOO_LARGE: _("The file is too large."),
    TOO_MANY_COLUMNS: _("The file has more than 200 columns."),
    NO_PHONE_COLUMN: _("No column of the file is the phone number. Choose it."),
    MISSING: _("The file is no longer there. Upload it again."),
    CHANGED: _("The file has changed since the import began. Start a new import."),
    PHONEBOOK_GONE: _("A phonebook of this import was deleted."),
}


class UnreadableFile(Exception):
    """A file that cannot be imported at all. ``code`` is one of ``FILE_REASONS``, the text its sentence."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code

    def __str__(self) -> str:
        return str(FILE_REASONS[self.code])


def sentence(code: str) -> str:
    """The reason a row was refused for, in the reader's language; an unknown code as it is."""
    return str(ROW_REASONS.get(code, code))


def file_sentence(code: str) -> str:
    """The reason a whole import failed for, in the reader's language; empty for none."""
    return str(FILE_REASONS.get(code, code))
