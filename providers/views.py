"""Accounts and lines on screen. Everybody signed in may look; changing needs the model's permission."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.db import transaction
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from interface import persian
from providers import checking, clock, credit, holidays, pacing, registry
from providers.forms import PREFIX, AccountForm, LineForm, provider_choices, saved_credentials
from providers.holidays import HolidaysForm
from providers.models import DailyCount, Holiday, ProviderAccount, SenderLine


def accounts(request: HttpRequest) -> HttpResponse:
    """All accounts with the number of their lines."""
    rows = list(ProviderAccount.objects.annotate(line_count=Count("lines")).order_by("name"))
    reaches = credit.reach(rows)
    for row in rows:
        row.provider_label = _provider_label(row)  # type: ignore[attr-defined]
        row.reach = reaches.get(row.pk)  # type: ignore[attr-defined]
    return render(request, "providers/accounts.html", {"accounts": rows})


def account(request: HttpRequest, pk: int) -> HttpResponse:
    """One account: its state, connection, webhook, credentials (only that they are there) and lines."""
    return render(request, "providers/account.html", _account_page(request, get_object_or_404(ProviderAccount, pk=pk)))


@require_POST
@permission_required("providers.change_provideraccount", raise_exception=True)
def account_check(request: HttpRequest, pk: int) -> HttpResponse:
    """Test the account's connection and show what was found: its part of the page for htmx, else the whole page."""
    found = get_object_or_404(ProviderAccount, pk=pk)
    findings = checking.check(found).findings
    found.refresh_from_db()
    if getattr(request, "htmx", False):
        context = {"account": found, "findings": findings, "reach": credit.reach([found]).get(pk)}
        return render(request, "providers/_connection.html", context)
    return render(request, "providers/account.html", _account_page(request, found) | {"findings": findings})


def _account_page(request: HttpRequest, found: ProviderAccount) -> dict[str, Any]:
    known = registry.PROVIDERS.get(found.slug)
    saved = saved_credentials(found)
    may_change = request.user.has_perm("providers.change_provideraccount")
    calls = known is not None and known.capabilities.webhook
    return {
        "account": found,
        "provider_label": _provider_label(found),
        "credential_labels": [_(each.label) for each in known.credential_fields if each.name in saved] if known else [],
        "capabilities": known.capabilities if known else None,
        "slowed_to": _slowed_to(found) if known else None,
        "reach": credit.reach([found]).get(found.pk),
        "lines": _lines(found),
        # Its token is as good as a password for telling us what became of messages.
        "webhook_url": request.build_absolute_uri("/" + found.webhook_path) if may_change and calls else "",
    }


@permission_required("providers.add_provideraccount", raise_exception=True)
def account_new(request: HttpRequest) -> HttpResponse:
    """Add an account at the provider of ``?provider=``, at first the only or the first one."""
    slug = request.GET.get("provider") or next(iter(registry.PROVIDERS))
    if slug not in registry.PROVIDERS:
        raise Http404
    form = AccountForm(request.POST or None, slug=slug)
    if request.method == "POST" and form.is_valid():
        saved = form.save()
        messages.success(request, _("The account was added. Now add the line that messages come from."))
        return redirect("providers:line_new", saved.pk)
    context = {"form": form, "slug": slug, "choices": provider_choices(), "credentials": _credential_inputs(form)}
    return render(request, "providers/account_form.html", context, status=422 if form.errors else 200)


@permission_required("providers.change_provideraccount", raise_exception=True)
def account_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Change an account; an empty credential keeps the stored one."""
    found = get_object_or_404(ProviderAccount, pk=pk)
    form = AccountForm(request.POST or None, instance=found)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, _("The account was saved."))
        return redirect("providers:account", pk)
    stored = ProviderAccount.objects.only("name").get(pk=pk)
    context = {"form": form, "account": stored, "slug": found.slug, "credentials": _credential_inputs(form)}
    return render(request, "providers/account_form.html", context, status=422 if form.errors else 200)


@require_POST
@permission_required("providers.change_provideraccount", raise_exception=True)
def account_switch(request: HttpRequest, pk: int) -> HttpResponse:
    """Switch an account on or off, as the form says: a repeated click changes nothing."""
    enabled = request.POST.get("enabled") == "on"
    if not ProviderAccount.objects.filter(pk=pk).update(enabled=enabled):
        raise Http404
    messages.success(request, _("The account is on.") if enabled else _("The account is off: nothing is sent from it."))
    return redirect("providers:account", pk)


@require_POST
@permission_required("providers.change_provideraccount", raise_exception=True)
def breaker_close(request: HttpRequest, pk: int) -> HttpResponse:
    """Let an account send again after its provider had refused it."""
    if ProviderAccount.objects.close_breaker(pk):
        messages.success(request, _("Sending from this account goes on."))
    return redirect("providers:account", pk)


@permission_required("providers.add_senderline", raise_exception=True)
def line_new(request: HttpRequest, pk: int) -> HttpResponse:
    """Add a line to an account."""
    owner = get_object_or_404(ProviderAccount, pk=pk)
    return _line_form(request, owner, LineForm(request.POST or None, account=owner))


@permission_required("providers.change_senderline", raise_exception=True)
def line_edit(request: HttpRequest, pk: int, line_pk: int) -> HttpResponse:
    """Change a line."""
    line = get_object_or_404(SenderLine.objects.select_related("account"), pk=line_pk, account_id=pk)
    return _line_form(request, line.account, LineForm(request.POST or None, instance=line, account=line.account))


@permission_required("providers.change_senderline", raise_exception=True)
def holiday_list(request: HttpRequest) -> HttpResponse:
    """The days on which advertising lines rest, as one text."""
    form = HolidaysForm(request.POST or None, initial=holidays.initial())
    if request.method == "POST" and form.is_valid():
        number = form.save()
        told = ngettext("%(number)s holiday to come was saved.", "%(number)s holidays to come were saved.", number)
        messages.success(request, told % {"number": persian.number(number)})
        return redirect("providers:holidays")
    coming = Holiday.objects.filter(day__gte=timezone.localdate())
    context = {"form": form, "coming": coming}
    return render(request, "providers/holidays.html", context, status=422 if form.errors else 200)


def _line_form(request: HttpRequest, owner: ProviderAccount, form: LineForm) -> HttpResponse:
    is_new = form.instance._state.adding
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            form.save()
        messages.success(request, _("The line was added.") if is_new else _("The line was saved."))
        return redirect("providers:account", owner.pk)
    context = {"form": form, "account": owner, "is_new": is_new}
    return render(request, "providers/line_form.html", context, status=422 if form.errors else 200)


def _lines(found: ProviderAccount) -> list[SenderLine]:
    """The account's lines, each with how many messages of its daily cap are used."""
    lines = list(found.lines.select_related("account").prefetch_related("tariffs").order_by("sender"))
    used = dict(DailyCount.objects.filter(line__in=lines, day=clock.today()).values_list("line", "messages"))
    for line in lines:
        line.used_today = used.get(line.pk, 0)  # type: ignore[attr-defined]
    return lines


def _provider_label(found: ProviderAccount) -> str:
    return _(registry.label_of(found.slug))


def _slowed_to(found: ProviderAccount) -> float | None:
    """The pace that the provider's calls to slow down have left, while it is below the usual one."""
    usual = found.requests_per_second or registry.PROVIDERS[found.slug].capabilities.pace
    pace = pacing.pace_of(found, timezone.now())
    return pace if usual is not None and pace is not None and pace < usual else None


def _credential_inputs(form: AccountForm) -> list[object]:
    return [form[name] for name in form.fields if name.startswith(PREFIX)]
