"""Telling people that what they began in the background has ended: on whatever page they open next."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from contacts.bulk.kinds import kind_of
from contacts.models import BulkAction

_KEY = "exports"  # of the session: the ids of those that are awaited


def await_end(request: HttpRequest, action: BulkAction) -> None:
    """Tell this session when the action has ended."""
    awaited = request.session.get(_KEY, [])
    if action.pk not in awaited:
        request.session[_KEY] = [*awaited, action.pk]


class AnnouncingMiddleware:
    """A message about each export of the session that has ended; who waits for none costs no query."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method == "GET" and "HX-Request" not in request.headers and _KEY in request.session:
            _announce(request)
        return self.get_response(request)


def _announce(request: HttpRequest) -> None:
    awaited = request.session[_KEY]
    actions = list(BulkAction.objects.filter(pk__in=awaited))
    running = [action.pk for action in actions if action.status == BulkAction.Status.RUNNING]
    if len(running) < len(awaited):
        request.session[_KEY] = running
        if not running:
            del request.session[_KEY]
    if request.path.startswith(reverse("contacts:exports")):
        return  # the page tells it itself
    for action in actions:
        what = {"what": kind_of(action).words()}
        if action.status == BulkAction.Status.COMPLETED:
            messages.success(request, _leading_home(_("%(what)s: the file is ready.") % what))
        elif action.status == BulkAction.Status.FAILED:
            messages.error(request, _leading_home(_("%(what)s: the file could not be made.") % what))


def _leading_home(sentence: str) -> SafeString:
    link = '{} <a class="link" href="{}">{}</a>'
    return format_html(link, sentence, reverse("contacts:exports"), _("To the exports"))
