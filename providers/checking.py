"""A test of an account's connection: address, key, credit and lines, each finding a plain sentence with its next step.

One request that sends nothing and costs nothing (``Provider.build_check``), and for a provider that lists the account's
lines those too. Nothing is open in the database meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from django.db.models.functions import Now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from interface import persian
from providers import http, registry
from providers.answers import CheckAnswer, Outcome
from providers.base import HttpRequest, HttpResponse, InvalidJob, Provider, TransportError
from providers.explaining import explain
from providers.keeping import KeepingProvider
from providers.models import ProviderAccount
from providers.secrets import UndecryptableSecret

CONNECT_TIMEOUT = 5.0  # seconds: somebody waits for the answer
READ_TIMEOUT = 10.0
MAX_BODY = 4 * 1024 * 1024  # bytes
MAX_PAGES = 20  # of a provider's list of lines
SHOWN_WORDS = 200  # characters of a provider's own words
SHOWN_LINES = 20

OK, NOTE, PROBLEM = "ok", "note", "problem"


class Finding(NamedTuple):
    """One thing that a check found: ``level`` ok, note or problem; a short code; a sentence; what to do next."""

    level: str
    code: str
    sentence: str
    next: str = ""


class Check(NamedTuple):
    """All that a check found. ``credit`` in rial where the provider told it."""

    findings: tuple[Finding, ...]
    credit: int | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing keeps messages from going out."""
        return not any(finding.level == PROBLEM for finding in self.findings)


def check(account: ProviderAccount) -> Check:
    """Test an account's connection and its lines, whatever state they are in. Never raises for what it finds.

    A connection in order is noted on the account, with the credit.
    """
    try:
        provider = registry.provider_for(account)
        if any(each.required and not account.secrets.get(each.name) for each in provider.credential_fields):
            step = _("Save the account once more with its credentials.")
            return Check((Finding(PROBLEM, "no_credentials", _("The account's credentials are incomplete."), step),))
        response = carry(provider.build_check())
    except (UndecryptableSecret, registry.UnknownProvider) as error:
        return Check((_explained(account.slug, type(error).__name__),))
    except (TransportError, InvalidJob) as error:
        return Check((_failure(account.slug, error),))
    answer = provider.parse_check(response)
    if refusal := _refusal(account.slug, response, answer):
        return Check((refusal,))
    credit = note_in_order(account, answer)
    return Check((_in_order(account, credit), *_lines(account, provider)), credit)


def note_in_order(account: ProviderAccount, answer: CheckAnswer) -> int | None:
    """Keep the credit that an answer tells, in rial, and that the account was in order; the credit."""
    credit = answer.credit if answer.credit is None or abs(answer.credit) < 2**63 else None  # what the column holds
    ProviderAccount.objects.filter(pk=account.pk).update(credit=credit, checked_at=Now(), credit_asked_at=Now())
    return credit


def carry(request: HttpRequest) -> HttpResponse:
    """Make a request of a check.

    Raises:
        TransportError: it came to nothing.
    """
    return http.exchange(request, connect_timeout=CONNECT_TIMEOUT, read_timeout=READ_TIMEOUT, max_body=MAX_BODY)


def _explained(slug: str, code: str, step: str = "") -> Finding:
    """A problem in the words of ``providers.explaining``, with another next step where that one does not fit."""
    found = explain(slug, code)
    return Finding(PROBLEM, code, found.meaning if found else code, step or (found.next_step if found else ""))


def _failure(slug: str, error: TransportError | InvalidJob) -> Finding:
    code = str(error)
    if isinstance(error, InvalidJob) or error.outcome is Outcome.RETRYABLE:
        return _explained(slug, code)
    step = _(
        "Try again in a few minutes. If it lasts, check the base URL (http or https, the port) and ask the provider."
    )
    return _explained(slug, code, step)


def _refusal(slug: str, response: HttpResponse, answer: CheckAnswer) -> Finding | None:
    """What is wrong with an answer, from the surest sign to the least; None where all is well."""
    status, codes = response.status, {str(response.status), answer.code}
    if codes & {"404", "405"}:
        return _explained(slug, "404")._replace(code="wrong_address")
    if 300 <= status < 400 or status == 407 or _is_page(response):
        return _web_page(status)
    if answer.outcome is Outcome.ACCEPTED:
        return None
    if codes & {"401", "403"}:
        return _with_words(_explained(slug, "401")._replace(code="wrong_key"), answer)
    found = explain(slug, answer.code)
    if found and not found.ours:
        return _with_words(Finding(PROBLEM, answer.code, found.meaning, found.next_step), answer)
    sentence = _("The server's answer (HTTP %(status)s) is not one that this provider gives.")
    step = _("Check the base URL, and that it is this provider's. If it is, ask the provider's support.")
    code = answer.code or str(status)
    return _with_words(Finding(PROBLEM, code, sentence % {"status": persian.digits(status)}, step), answer)


def _web_page(status: int) -> Finding:
    sentence = _("A web page came back (HTTP %(status)s) where the provider's answer was expected.")
    step = _(
        "A proxy, a firewall or a sign-in page stands in between, or the base URL is that of a website. Let this server"
        " out to the provider directly, and correct the base URL."
    )
    return Finding(PROBLEM, "web_page", sentence % {"status": persian.digits(status)}, step)


def _with_words(finding: Finding, answer: CheckAnswer) -> Finding:
    """The finding with the provider's own words behind it."""
    if not answer.text:
        return finding
    said = _("%(sentence)s The provider says: “%(words)s”")
    words = persian.isolated(answer.text[:SHOWN_WORDS])
    return finding._replace(sentence=said % {"sentence": finding.sentence, "words": words})


def _is_page(response: HttpResponse) -> bool:
    kind = response.headers.get("content-type", "").lower()
    return "html" in kind or response.body.lstrip()[:1] == b"<"


def _in_order(account: ProviderAccount, credit: int | None) -> Finding:
    sentence = _("The provider answers and accepts the key.")
    if credit is not None:
        sentence = _("The provider answers and accepts the key. The credit there is %(credit)s.")
        sentence %= {"credit": persian.rials(credit)}
    stopped = account.breaker != ProviderAccount.Breaker.CLOSED
    return Finding(
        OK, "in_order", sentence, _("Sending is still stopped: let the account send again.") if stopped else ""
    )


def _lines(account: ProviderAccount, provider: Provider) -> Iterator[Finding]:
    """Whether the lines that are switched on can send: each sender's form, and the provider's list where it has one."""
    lines = list(account.lines.filter(enabled=True).order_by("sender"))
    malformed = [line.sender for line in lines if not provider.knows_sender(line.sender)]
    for sender in malformed:
        sentence = _("The sender “%(sender)s” does not have the form that this provider takes.")
        yield Finding(PROBLEM, "sender_form", sentence % {"sender": persian.isolated(sender)}, _(provider.sender_hint))
    if not lines:
        step = _("Add the line that messages come from, or switch one on.")
        yield Finding(NOTE, "no_lines", _("This account has no line that is switched on."), step)
    if isinstance(provider, KeepingProvider):
        yield from _compared(account, provider, {line.sender for line in lines}.difference(malformed))
    elif lines and not malformed:
        sentence = ngettext(
            "The account has %(number)s line, and its sender has the right form.",
            "The account has %(number)s lines, and their senders have the right form.",
            len(lines),
        )
        yield Finding(OK, "lines", sentence % {"number": persian.number(len(lines))})


def _compared(account: ProviderAccount, provider: KeepingProvider, ours: set[str]) -> Iterator[Finding]:
    """Our lines and the provider's, side by side."""
    theirs = _listed(provider)
    if theirs is None:
        step = _("Compare them in the provider's panel.")
        yield Finding(NOTE, "lines_unknown", _("The provider did not tell the account's lines."), step)
        return
    for sender in sorted(ours - theirs):
        sentence = _("The provider does not have the line “%(sender)s” on this account.")
        step = _("Correct its sender, or switch the line off.")
        yield Finding(PROBLEM, "line_missing_there", sentence % {"sender": persian.isolated(sender)}, step)
    if ours and ours <= theirs:
        sentence = ngettext(
            "The provider knows the account's %(number)s line.",
            "The provider knows all %(number)s lines of the account.",
            len(ours),
        )
        yield Finding(OK, "lines", sentence % {"number": persian.number(len(ours))})
    if others := sorted(theirs.difference(account.lines.values_list("sender", flat=True))):
        sentence = _("The provider has lines that were not added here: %(senders)s")
        shown = " · ".join(persian.isolated(sender) for sender in others[:SHOWN_LINES])
        step = _("Add those that messages are to come from.")
        yield Finding(NOTE, "line_missing_here", sentence % {"senders": shown}, step)


def _listed(provider: KeepingProvider) -> set[str] | None:
    """The senders of all lines that the provider lists; None where it does not tell them all."""
    found: set[str] = set()
    for number in range(1, MAX_PAGES + 1):
        try:
            page = provider.parse_lines(carry(provider.build_lines(number)))
        except TransportError:
            return None
        if page.outcome is not Outcome.ACCEPTED:
            return None
        found.update(line.sender for line in page.rows)
        if not page.rows or (page.last_page is not None and number >= page.last_page):
            return found
    return None
