"""Which language a request gets, whether it shows numbers, and what a page is told whose reader was signed out."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import translation

from interface import masking
from project import refusals


class PersianFirstLocaleMiddleware:
    """The choice in the cookie, else the site's language. Accept-Language is ignored: browsers in Iran often say en."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.known = {code for code, _name in settings.LANGUAGES}

    def __call__(self, request: HttpRequest) -> HttpResponse:
        chosen = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
        language = chosen if chosen in self.known else settings.LANGUAGE_CODE
        request.LANGUAGE_CODE = language
        with translation.override(language):
            response = self.get_response(request)
        response.headers.setdefault("Content-Language", language)
        return response


class NumbersMiddleware:
    """Whole phone numbers are shown to who may see them, and to nobody else."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with masking.numbers_for(lambda: request.user.has_perm(masking.PERMISSION)):
            return self.get_response(request)


class FragmentLoginRequiredMiddleware(LoginRequiredMiddleware):
    """Every page needs a login. A part of a page never gets the sign-in page in its place.

    A part that is asked for has its whole page loaded anew, which leads to the sign-in. Where something was typed, that
    would lose it: a sentence stands in the part's place, and of a whole form the page that answers it shows its words.
    """

    def handle_no_permission(  # type: ignore[override]  # the stub promises more than its one caller needs
        self, request: HttpRequest, view_func: Callable[..., HttpResponseBase]
    ) -> HttpResponseBase:
        if "HX-Request" not in request.headers:
            if request.method == "POST":
                is_upload = getattr(view_func, "csrf_exempt", False)  # its body is read by its view alone
                return refusals.signed_out(request, [] if is_upload else refusals.typed(request))
            return super().handle_no_permission(request, view_func)
        if request.method == "POST":
            return render(request, "components/signed_out.html")
        return HttpResponse(headers={"HX-Refresh": "true"})
