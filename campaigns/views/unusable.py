"""The page of a campaign whose provider this installation does not know: what can be told of it, and what to do."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from campaigns import reporting
from campaigns.models import Campaign
from campaigns.sending import claiming
from campaigns.views import figures, history
from providers import registry
from providers.explaining import explain
from providers.models import ProviderAccount


def provider_unknown(campaign: Campaign) -> ProviderAccount | None:
    """The first account of the campaign's lines whose slug names no backend; None where all is well."""
    accounts = (line.account for line in claiming.lines_of(campaign))
    return next((account for account in accounts if account.slug not in registry.PROVIDERS), None)


def page(request: HttpRequest, campaign: Campaign, stranger: ProviderAccount) -> HttpResponse:
    """Its accounting and its log, for these are ours; nothing that has to ask the provider's backend."""
    account = reporting.accounting(campaign)
    context: dict[str, Any] = {
        "campaign": campaign,
        "stranger": stranger,
        "explained": explain(stranger.slug, registry.UnknownProvider.__name__),
        "account": account,
        "pieces": figures.pieces(account),
        "controls": {},
    }
    return render(request, "campaigns/unusable.html", context | history.context(request, campaign))
