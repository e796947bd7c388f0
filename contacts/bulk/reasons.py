"""Why a bulk action failed, in a sentence."""

from __future__ import annotations

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

PHONEBOOK_GONE: Final = "phonebook_gone"
CATEGORY_GONE: Final = "category_gone"
LINE_GONE: Final = "line_gone"
FILE_GONE: Final = "file_gone"
DATABASE: Final = "database"

SENTENCES: dict[str, str | Promise] = {
    PHONEBOOK_GONE: gettext_lazy("The phonebook has been deleted meanwhile."),
    CATEGORY_GONE: gettext_lazy("The job category has been deleted meanwhile."),
    LINE_GONE: gettext_lazy("The line has been deleted meanwhile."),
    FILE_GONE: gettext_lazy("The file that it had begun is gone. Begin the export once more."),
    DATABASE: gettext_lazy("The database refused a part of it. What was done before stays done."),
}


def sentence(code: str) -> str:
    """The sentence of a code; a code without one is told as it is."""
    return str(SENTENCES[code]) if code in SENTENCES else _("It could not go on (%(code)s).") % {"code": code}
