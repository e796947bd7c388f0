"""The cast of replies: what people have written to our lines, and an account whose inbox is read to its end."""

from __future__ import annotations

from contacts import replies
from contacts.models import ReplyInbox, Suppression
from providers.models import ProviderAccount
from providers.sandbox import Sandbox
from tests import builders
from tests.contacts.mirrors import keeping

SENDER = "+983000505"


def written(sandbox: Sandbox, *words: tuple[int, str], to: str = SENDER) -> None:
    """More replies: the number of who wrote, and the text."""
    sandbox.behaviour.inbox += [{"from": builders.phone(n), "number": to, "message": text} for n, text in words]


def listening(sandbox: Sandbox, name: str = "IPPanel", sender: str = SENDER) -> ProviderAccount:
    """An account with an advertising line, whose inbox is due."""
    account = keeping(sandbox, name)
    builders.line(account, sender, kind="advertising")
    assert account.pk in replies.due()
    return account


def looked(account: ProviderAccount) -> ReplyInbox:
    """The inbox after a whole look, whenever it was due."""
    ReplyInbox.objects.filter(account=account).update(next_at=None, lease_until=None)
    assert replies.look(account.pk)
    return ReplyInbox.objects.select_related("account").get(account=account)


def stopped() -> set[tuple[str, str, str]]:
    """The phones that are suppressed, with scope and source."""
    return set(Suppression.objects.values_list("phone", "scope", "source"))
