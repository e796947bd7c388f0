"""The cast of the tests: accounts, lines, contacts, phonebooks and campaigns, each made in one line.

Numbers are made up from a block that begins at +989120000000; lines are service lines, so that no test minds the hour.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

from django.utils import timezone

from campaigns import drafting, lifecycle, reporting
from campaigns.models import AudienceRule, Batch, Campaign, Message, ProviderRef
from campaigns.sending import dispatch
from campaigns.states import MessageStatus
from contacts.models import Contact, Membership, Phonebook
from providers.models import ProviderAccount, SenderLine
from providers.sandbox import Sandbox
from providers.secrets import encrypt

TOKEN = "token-of-the-tests"
FIRST = 989_120_000_000


def phone(number: int) -> str:
    """The E.164 number of the ``number``-th contact."""
    return f"+{FIRST + number}"


def account(sandbox: Sandbox | None = None, name: str = "Najva", **fields: Any) -> ProviderAccount:
    """A Najva account at a sandbox, or at an address where nothing listens."""
    base_url = sandbox.base_url if sandbox else "http://127.0.0.1:9"
    return ProviderAccount.objects.create(
        name=name, slug="najva", base_url=base_url, credentials=encrypt({"api_token": TOKEN}), **fields
    )


def line(of: ProviderAccount, sender: str = "90000123", **fields: Any) -> SenderLine:
    """A service line; ``kind="advertising"`` for one with a window and a suffix."""
    return SenderLine.objects.create(account=of, sender=sender, **{"kind": "service", **fields})


def contacts(number: int, start: int = 0, **fields: Any) -> list[Contact]:
    """``number`` contacts with consecutive phones."""
    rows = [Contact(phone=phone(n), **fields) for n in range(start, start + number)]
    Contact.objects.bulk_create(rows)
    return rows


def phonebook(members: Iterable[Contact], name: str = "customers") -> Phonebook:
    """A phonebook of ours with these members, in this order."""
    members = list(members)
    book = Phonebook.objects.create(name=name, size=len(members))
    Membership.objects.bulk_create([Membership(phonebook=book, contact=contact) for contact in members])
    return book


def include(book: Phonebook, **params: Any) -> AudienceRule:
    return AudienceRule(phonebook=book, params=params)


def exclude(book: Phonebook) -> AudienceRule:
    return AudienceRule(rule=AudienceRule.Rule.EXCLUDE, phonebook=book)


def draft(over: SenderLine, *rules: AudienceRule, text: str = "سلام", **fields: Any) -> Campaign:
    """A draft, by the rules of the composer."""
    return drafting.create(name="Nowruz", line=over, text=text, rules=rules, **fields)


def running(over: SenderLine, *rules: AudienceRule, **fields: Any) -> Campaign:
    """A campaign that has been launched and frozen, and has sent nothing yet."""
    campaign = draft(over, *rules, **fields)
    lifecycle.launch(campaign.pk)
    lifecycle.prepare(campaign.pk)
    return refreshed(campaign)


def campaign_of(sandbox: Sandbox | None, size: int, batch_size: int = 10, **fields: Any) -> Campaign:
    """A running campaign to ``size`` new contacts: an account, a line and a phonebook of its own."""
    over = line(account(sandbox, batch_size=batch_size))
    return running(over, include(phonebook(contacts(size))), **fields)


def send_all(campaign: Campaign, seconds: float = 20.0) -> str:
    """Send as one worker does, and finish; returns why the worker stopped."""
    why = dispatch.work(campaign.pk, seconds)
    lifecycle.finish(campaign.pk)
    return why


def time_passes() -> None:
    """Let every backoff, hold, pace and breaker's patience be over."""
    past = timezone.now() - dt.timedelta(seconds=1)
    Batch.objects.update(not_before=None)
    Campaign.objects.update(next_batch_at=None)
    ProviderAccount.objects.update(next_request_at=None)
    ProviderAccount.objects.exclude(breaker="closed").update(probe_at=past)


def refreshed(campaign: Campaign) -> Campaign:
    return Campaign.objects.select_related("line__account").get(pk=campaign.pk)


def known_by(ref: str, message: Message, account: ProviderAccount) -> None:
    """Let the account's provider have this id for a message."""
    Message.objects.filter(pk=message.pk).update(account=account, provider_ref=ref)
    ProviderRef.objects.create(account=account, ref=ref, message=message)


def counts(campaign: Campaign) -> dict[str, int]:
    """How many messages stand in each status, recounted from the rows; statuses with none are left out.

    Fails where the equation does not hold or the counters say otherwise: no test may pass over that.
    """
    audit = reporting.audit(refreshed(campaign))
    assert audit.recount.balanced, audit.recount
    assert audit.counters_match, (audit.recount, reporting.accounting(campaign))
    return {
        status.name.lower(): audit.recount.counts[status] for status in MessageStatus if audit.recount.counts[status]
    }


def wrongs(sandbox: Sandbox, campaign: Campaign) -> dict[str, set[str]]:
    """What the provider's ledger and our rows disagree about; empty sets where all is well.

    ``twice``: accepted more than once. ``lost``: accepted there, unsent in our book. ``invented``: accepted here,
    unknown there.
    """
    taken = {f"+{number}": times for number, times in sandbox.ledger.acceptances().items()}
    ours: dict[MessageStatus, set[str]] = {status: set() for status in MessageStatus}
    for number, status, ref in Message.objects.of(refreshed(campaign)).values_list("phone", "status", "provider_ref"):
        if ref is None or status not in (MessageStatus.FAILED, MessageStatus.CANCELLED):  # else the provider's own word
            ours[MessageStatus(status)].add(str(number))
    not_sent = ("PENDING", "SKIPPED", "FAILED", "CANCELLED", "EXPIRED")
    denied = set().union(*(ours[MessageStatus[name]] for name in not_sent))
    claimed = set().union(*(ours[MessageStatus[name]] for name in ("ACCEPTED", "SENT", "DELIVERED", "UNDELIVERED")))
    return {
        "twice": {number for number, times in taken.items() if times > 1},
        "lost": denied & taken.keys(),
        "invented": claimed - taken.keys(),
    }


ALL_WELL: dict[str, set[str]] = {"twice": set(), "lost": set(), "invented": set()}


def texts_to(sandbox: Sandbox, number: str) -> Sequence[str]:
    """What the provider was told to send to a number."""
    return [message["text"] for message in sandbox.messages_to(number)]
