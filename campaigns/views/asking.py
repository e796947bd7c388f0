"""A question about a campaign that is asked in a dialog, or without a script on a page of its own."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers

from campaigns.models import Campaign


def in_dialog(request: HttpRequest) -> bool:
    """Whether a dialog of the page asked."""
    return request.headers.get("HX-Request") == "true"


def ask(request: HttpRequest, campaign: Campaign, body: str, facts: dict[str, Any]) -> HttpResponse:
    """The template ``body`` in the dialog that asked for it, or as a page."""
    dialog = in_dialog(request)
    shown = {"campaign": campaign, "in_dialog": dialog, "body": body, **facts}
    response = render(request, "campaigns/_asked.html" if dialog else "campaigns/asked.html", shown)
    patch_vary_headers(response, ["HX-Request"])
    return response


def token(request: HttpRequest) -> uuid.UUID:
    """The token of the form that was sent.

    Raises:
        Http404: a form without one was not made by us.
    """
    try:
        return uuid.UUID(request.POST.get("token", ""))
    except ValueError:
        raise Http404 from None
