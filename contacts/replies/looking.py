"""A look at an account's inbox: the pages of what came in since, one transaction each.

A worker holds the inbox by a lease on the database's clock; no transaction is open during a request. A look begins some
replies before the last that is known, for a provider may list an id after a greater one, and ends at the last page.
One that dies is gone on with at its page. What goes wrong is tried again ever more rarely and told on the account's
page.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections import Counter
from datetime import timedelta
from functools import partial
from typing import Any, Final, NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django_q.tasks import async_task

from contacts.mirroring.asking import ask
from contacts.mirroring.reasons import Failure, in_words, keeps_lists
from contacts.models import OptOutReply, ReplyInbox
from contacts.replies import words
from contacts.replies.settling import take
from providers import pacing
from providers.answers import Blame, Outcome
from providers.base import HttpRequest, HttpResponse
from providers.keeping import KeepingProvider, Page, Reply
from providers.models import ProviderAccount
from providers.registry import PROVIDERS

logger = logging.getLogger(__name__)

LEASE: Final = timedelta(seconds=60)  # > connect + 2 x read timeout
OVERLAP: Final = 100  # replies that each look reads again
FIRST_WAIT: Final = 30.0  # seconds after a look in vain, doubled after each
RARELY: Final = 900.0  # seconds: the longest wait, and that of an account which its provider refuses
TROUBLE: Final = 3  # looks in vain in a row that somebody should know of


class LeaseLost(Exception):
    """Another worker has the inbox, or its account is gone: this one has nothing more to do with it."""


class _Inbox(NamedTuple):
    """A page of what came in after an id."""

    page: int
    after: int

    def build(self, provider: KeepingProvider) -> HttpRequest:
        return provider.build_inbox(self.page, str(self.after) if self.after else "")

    def parse(self, provider: KeepingProvider, response: HttpResponse) -> Page[Reply]:
        return provider.parse_inbox(response)


def ring(account_id: int) -> None:
    """Ask the worker, after the commit, to look. Where the broker is away, the tick rings later."""
    transaction.on_commit(partial(_enqueue, account_id), robust=True)


def _enqueue(account_id: int) -> None:
    async_task("contacts.tasks.look_for_replies", account_id)


def due() -> list[int]:
    """The accounts whose inboxes are to be looked at; one that has none yet gets it."""
    if settings.OPT_OUT_INTERVAL <= 0:
        return []
    slugs = [slug for slug in PROVIDERS if keeps_lists(slug)]
    accounts = ProviderAccount.objects.filter(slug__in=slugs, enabled=True)
    for account in accounts.filter(reply_inbox=None):
        ReplyInbox.objects.get_or_create(account=account)
    return list(ReplyInbox.objects.due().filter(account__in=accounts).values_list("account_id", flat=True))


def look(account_id: int, *, deadline: float | None = None) -> bool:
    """Read pages until the last, or to the first commit after ``deadline`` (``time.monotonic()``).

    Returns whether the caller has nothing more to do; ``False`` asks to be called again.
    """
    owner = uuid.uuid4().hex
    if not ReplyInbox.objects.due().filter(account=account_id).update(owner=owner, lease_until=Now() + LEASE):
        return True
    try:
        return _Look(account_id, owner).work(deadline)
    except LeaseLost:
        return True


def failure(inbox: ReplyInbox) -> Failure | None:
    """Why an inbox cannot be read, in the reader's language; None where it can."""
    return in_words(inbox.account.slug, inbox.error, inbox.error_text) if inbox.error else None


class _Look:
    """One worker's turn at one inbox."""

    def __init__(self, account_id: int, owner: str) -> None:
        self.mine = ReplyInbox.objects.filter(account=account_id, owner=owner)

    def work(self, deadline: float | None) -> bool:
        self._begin()
        while True:
            inbox = self._held()
            with transaction.atomic():
                turns = pacing.take_turns(inbox.account_id, lane="next_status_at")
            if not turns.number:
                return self._leave(next_at=Now() + timedelta(seconds=turns.wait))
            page: Page[Reply] = ask(inbox.account, _Inbox(inbox.page, inbox.cursor))
            if page.outcome is not Outcome.ACCEPTED:
                return self._put_off(inbox, page)
            if self._commit(page):
                return True
            if deadline is not None and time.monotonic() >= deadline:
                return not self._leave()

    def _held(self) -> ReplyInbox:
        inbox = self.mine.select_related("account").first()
        if inbox is None:
            raise LeaseLost
        return inbox

    def _update(self, **values: Any) -> None:
        if not self.mine.update(**values):
            raise LeaseLost

    def _leave(self, **values: Any) -> bool:
        self._update(owner="", lease_until=None, **values)
        return True

    def _begin(self) -> None:
        """Settle where a new look begins; one that was cut short goes on as it was."""
        inbox = self._held()
        if inbox.page == 1:
            known = OptOutReply.objects.filter(account=inbox.account_id).order_by("-provider_ref")
            self._update(cursor=next(iter(known.values_list("provider_ref", flat=True)[OVERLAP:][:1]), 0))

    def _put_off(self, inbox: ReplyInbox, page: Page[Reply]) -> bool:
        wait = RARELY if page.blame is Blame.ACCOUNT else min(RARELY, FIRST_WAIT * 2 ** min(inbox.attempts, 8))
        if page.retry_after is not None:
            wait = min(RARELY, page.retry_after)
        if inbox.attempts + 1 == TROUBLE:
            logger.warning("Account %s: its inbox cannot be read (%s)", inbox.account_id, page.code)
        return self._leave(
            attempts=F("attempts") + 1,
            error=page.code[:64] or "–",
            error_text=page.text,
            next_at=Now() + timedelta(seconds=wait),
        )

    def _commit(self, page: Page[Reply]) -> bool:
        """Take a page in and move on; whether it was the last."""
        with transaction.atomic():
            # All inboxes, so that one page is taken in at a time: a number's words at other accounts are looked at.
            list(ReplyInbox.objects.select_for_update().order_by("pk").values_list("pk", flat=True))
            inbox = self._held()
            new = Counter(row.said for row in take(inbox.account, page.rows))
            # A page of nothing that we understand is not the last, if the provider says so.
            ended = not page.rows if page.last_page is None else inbox.page >= page.last_page
            values: dict[str, Any] = {
                "stops": F("stops") + new[words.STOP],
                "rejoins": F("rejoins") + new[words.REJOIN],
                "others": F("others") + new[words.OTHER],
                "attempts": 0,
                "error": "",
                "error_text": "",
                **({"last_reply_at": Now()} if new else {}),
            }
            if ended:
                self._leave(page=1, looked_at=Now(), next_at=Now() + _pause(inbox.account), **values)
            else:
                self._update(page=F("page") + 1, lease_until=Now() + LEASE, **values)
        return ended


def _pause(account: ProviderAccount) -> timedelta:
    """The time to the next look; while the breaker is open a long one, for people may still write."""
    stopped = account.breaker != ProviderAccount.Breaker.CLOSED
    return timedelta(seconds=max(RARELY, settings.OPT_OUT_INTERVAL) if stopped else settings.OPT_OUT_INTERVAL)
