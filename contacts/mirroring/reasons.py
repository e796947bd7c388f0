"""Why nothing could be fetched from a provider, in sentences for people. The codes are what the database keeps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from contacts.models import Mirroring
from providers.explaining import explain
from providers.keeping import KeepingProvider
from providers.registry import PROVIDERS

WEB_PAGE: Final = "web_page"
TOO_FAST: Final = "too_fast"
UNUSABLE: Final = "unusable_answer"
WORKER_DIED: Final = "worker_died"
KEEPS_NO_LISTS: Final = "keeps_no_lists"
ALREADY_RUNNING: Final = "already_running"

_LATER = gettext_lazy("Try again in a few minutes. If it lasts, ask the provider's support.")
_ADDRESS = gettext_lazy("Check the base URL and the provider that was chosen. If they are right, try again later.")
_CUT_OFF = (gettext_lazy("The server was reached, but it broke off without a whole answer."), _LATER)
_SILENT = (gettext_lazy("The server was reached, but no answer came in time."), _LATER)

# What asking for a list has of its own; the rest is in the words of providers.explaining, which are for sending too.
_WORDS: Mapping[str, tuple[Promise, Promise]] = {
    WEB_PAGE: (gettext_lazy("A web page came back where the provider's list was expected."), _ADDRESS),
    UNUSABLE: (gettext_lazy("The answer is not what the provider's document describes."), _ADDRESS),
    TOO_FAST: (gettext_lazy("The provider kept asking to be left in peace for a while."), _LATER),
    WORKER_DIED: (
        gettext_lazy("The worker ended again and again at the same page of the list."),
        gettext_lazy("Tell whoever looks after this installation."),
    ),
    "read_timeout": _SILENT,
    "deadline": _SILENT,
    "connection_lost": _CUT_OFF,
    "transport_failure": _CUT_OFF,
    "answer_too_large": _CUT_OFF,
}
_REFUSED = {
    KEEPS_NO_LISTS: gettext_lazy("This provider keeps no phonebooks or job categories that could be fetched."),
    ALREADY_RUNNING: gettext_lazy("It is being fetched at the moment."),
}


class CannotMirror(Exception):
    """Nothing to start. ``code`` is KEEPS_NO_LISTS or ALREADY_RUNNING, the text its sentence."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code

    def __str__(self) -> str:
        return str(_REFUSED[self.code])


class Failure(NamedTuple):
    """Why a mirroring failed: what happened, what to do, the provider's own words where it had any, the code."""

    meaning: str
    next_step: str
    words: str
    code: str


def keeps_lists(slug: str) -> bool:
    """Whether the provider of this slug keeps lists that can be mirrored."""
    return issubclass(PROVIDERS.get(slug, object), KeepingProvider)


def failure(run: Mirroring) -> Failure | None:
    """Why a mirroring failed, in the reader's language; None where it did not."""
    return in_words(run.account.slug, run.error, run.error_text) if run.status == Mirroring.Status.FAILED else None


def in_words(slug: str, code: str, words: str) -> Failure:
    """Why a list of a provider could not be fetched, in the reader's language."""
    if found := _WORDS.get(code):
        return Failure(str(found[0]), str(found[1]), words, code)
    if explained := explain(slug, code):
        return Failure(explained.meaning, explained.next_step, words, code)
    sentence = _("The provider refused, with the code %(code)s.") % {"code": code or "–"}
    return Failure(sentence, str(_LATER), words, code)
