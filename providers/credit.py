"""An account's credit: asked for now and then where the provider tells it, and how far it reaches."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable

from django.db.models import Max, Q
from django.db.models.functions import Now

from providers import checking, registry
from providers.answers import Outcome
from providers.base import InvalidJob, TransportError
from providers.models import ProviderAccount, Tariff
from providers.querysets import ProviderAccountQuerySet
from providers.secrets import UndecryptableSecret

ASKED_EVERY = dt.timedelta(minutes=10)


def due() -> list[int]:
    """The accounts whose credit is to be asked for: in use, at a provider that tells it, not asked for lately."""
    slugs = [slug for slug, provider in registry.PROVIDERS.items() if provider.capabilities.credit]
    return list(_not_asked_lately().filter(slug__in=slugs).values_list("pk", flat=True))


def refresh(account_id: int) -> None:
    """Ask for an account's credit and keep it; what goes wrong is kept as its last error, and stops nothing.

    The update that marks it as asked lets one worker through, and no transaction is open during the request.
    """
    if not _not_asked_lately().filter(pk=account_id).update(credit_asked_at=Now()):
        return
    account = ProviderAccount.objects.get(pk=account_id)
    try:
        provider = registry.provider_for(account)
        answer = provider.parse_check(checking.carry(provider.build_check()))
    except (UndecryptableSecret, registry.UnknownProvider) as error:
        ProviderAccount.objects.note_error(account_id, type(error).__name__, "")
    except (TransportError, InvalidJob) as error:
        ProviderAccount.objects.note_error(account_id, str(error), "")
    else:
        if answer.outcome is Outcome.ACCEPTED:
            checking.note_in_order(account, answer)
        else:
            ProviderAccount.objects.note_error(account_id, answer.code, answer.text)


def reach(accounts: Iterable[ProviderAccount]) -> dict[int, int]:
    """How many messages of one Persian part each account's credit pays for, by its lines' dearest price.

    Accounts whose credit or price is not known are left out.
    """
    known = {account.pk: account.credit for account in accounts if account.credit is not None}
    prices = Tariff.objects.filter(line__account__in=known, line__enabled=True, encoding=Tariff.Encoding.UCS2)
    dearest = prices.values_list("line__account").annotate(rial=Max("rial_per_part")).filter(rial__gt=0)
    return {pk: max(0, math.floor(known[pk] / rial)) for pk, rial in dearest}


def _not_asked_lately() -> ProviderAccountQuerySet:
    lately = Q(credit_asked_at=None) | Q(credit_asked_at__lte=Now() - ASKED_EVERY)
    return ProviderAccount.objects.filter(lately, enabled=True)
