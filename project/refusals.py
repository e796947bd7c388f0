"""Forms that cannot be taken: whoever sent one is told why, finds what they typed to copy it, and the way back."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme

TYPED = ("name", "text", "copy_text", "numbers", "comment", "note")  # fields of words; what is chosen is chosen again


def typed(request: HttpRequest) -> list[str]:
    """The words in a form."""
    return [words for name in TYPED if (words := request.POST.get(name, "").strip())]


def signed_out(request: HttpRequest, words: list[str]) -> HttpResponseBase:
    """A form of somebody who was signed out meanwhile; the sign-in leads back to the page that it stood on."""
    to_login = redirect_to_login(_page_of(request), resolve_url(settings.LOGIN_URL))
    if not words:
        return to_login
    return render(request, "signed_out.html", {"typed": words, "to": to_login.url}, status=403)


def _page_of(request: HttpRequest) -> str:
    """The page that a form stood on: the address that takes it may answer nothing else."""
    page = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(page, {request.get_host()}, request.is_secure()):
        return "/"
    parts = urlsplit(page)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def too_old(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form whose page was loaded before somebody signed in anew, or by another site (``CSRF_FAILURE_VIEW``)."""
    return render(request, "403_csrf.html", {"typed": typed(request)}, status=403)


def unreadable(request: HttpRequest, exception: Exception) -> HttpResponse:
    """What no browser sends, and a form of more than ``DATA_UPLOAD_MAX_MEMORY_SIZE`` bytes."""
    if isinstance(exception, RequestDataTooBig):
        return render(request, "413.html", status=413)
    return render(request, "400.html", status=400)
