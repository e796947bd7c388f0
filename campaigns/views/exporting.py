"""Messages as a file: begun from a campaign's recipients or from the explorer, as their filter has them."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.translation import get_language
from django.views.decorators.http import require_POST

from campaigns.exploring import MessageFilter
from campaigns.exporting import MessagesToFile
from campaigns.models import Campaign
from contacts import bulk
from contacts.models import BulkAction
from contacts.views.exports import begun


@require_POST
def messages(request: HttpRequest) -> HttpResponseBase:
    """Begin a file of the messages that the explorer's filter means; a small one comes at once."""
    return _begin(request, request.POST.dict())


@require_POST
def campaign(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Begin a file of a campaign's recipients, as the page's filter has them; a small one comes at once."""
    query = {**request.POST.dict(), "campaign": str(pk)}
    if MessagesToFile.allows(request.user):
        get_object_or_404(Campaign.objects.only("pk"), pk=pk)
    return _begin(request, query)


def _begin(request: HttpRequest, query: dict[str, Any]) -> HttpResponseBase:
    if not MessagesToFile.allows(request.user):
        raise PermissionDenied
    params = {"by": request.user.pk, "language": get_language()}
    selection = {"filter": MessageFilter.read(query).query()}
    return begun(request, bulk.start(BulkAction.Kind.MESSAGES, selection, params, request.user))
