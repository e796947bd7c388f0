"""What a provider keeps, as far as it is mirrored: its panel, phonebooks, numbers and job categories.

Everybody signed in may look; fetching needs the permission to change the account.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from contacts import mirroring
from contacts.models import JobCategory, Mirroring, Phonebook, ProviderNumber
from contacts.paging import keyset_page
from contacts.phones import search_digits
from interface import masking
from providers.models import ProviderAccount
from providers.registry import PROVIDERS

_Stage = Mirroring.Stage
_Status = Mirroring.Status
_STAGES = (_Stage.LINES, _Stage.PHONEBOOKS, _Stage.CATEGORIES, _Stage.SUBCATEGORIES)


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of a panel (None: not reached yet), and what became of its rows since the last time."""

    stage: str
    number: int | None
    new: int
    removed: int
    gone: int

    @property
    def label(self) -> str:
        return str(_Stage(self.stage).label)


def keeping_accounts() -> QuerySet[ProviderAccount]:
    """The accounts whose provider keeps lists, with the number of their mirrored phonebooks."""
    slugs = [slug for slug in PROVIDERS if mirroring.keeps_lists(slug)]
    return ProviderAccount.objects.filter(slug__in=slugs).annotate(phonebooks=Count("phonebook")).order_by("name")


def _keeping_account(pk: int) -> ProviderAccount:
    account = get_object_or_404(ProviderAccount, pk=pk)
    if not mirroring.keeps_lists(account.slug):
        raise Http404
    return account


def _panel(run: Mirroring | None, account: ProviderAccount, phonebook: Phonebook | None = None) -> dict[str, Any]:
    """What the panel of an account, or of one of its phonebooks, shows: the last pass and what it brought."""
    name, pk = ("numbers", phonebook.pk) if phonebook else ("mirror", account.pk)
    context: dict[str, Any] = {
        "account": account,
        "phonebook": phonebook,
        "run": run,
        "panel_url": reverse(f"contacts:{name}", args=[pk]),
        "start_url": reverse(f"contacts:{name}_start", args=[pk]),
    }
    if run is None:
        return context
    stages = [_Stage.NUMBERS] if phonebook else _STAGES
    return context | {
        "stage": _Stage(run.stage).label,
        "share": _share(run, [str(stage) for stage in stages]),
        "figures": [_figure(run, stage) for stage in stages],
        "failure": mirroring.failure(run),
        "left_lines": _left_lines(run, account),
    }


def _share(run: Mirroring, stages: list[str]) -> float:
    """How far a pass is, from 0 to 1; each of its stages counts the same."""
    within = min(1.0, run.done / run.total) if run.total else 0.0
    return (stages.index(run.stage) + within) / len(stages)


def _figure(run: Mirroring, stage: str) -> Figure:
    counts = run.counts
    changes = [counts.get(f"{stage}_{change}", 0) for change in ("new", "removed", "gone")]
    return Figure(stage, counts.get(stage), *changes)


def _left_lines(run: Mirroring, account: ProviderAccount) -> list[str]:
    """The lines of the account that the provider did not list, once it has listed all."""
    if run.phonebook_id or run.status != _Status.COMPLETED or _Stage.LINES in run.counts.get("shifted", []):
        return []
    return list(account.lines.exclude(sender__in=run.senders).order_by("sender").values_list("sender", flat=True))


def _account_panel(account: ProviderAccount) -> dict[str, Any]:
    return _panel(Mirroring.objects.of_account(account).select_related("account").first(), account)


def _phonebook_panel(phonebook: Phonebook) -> dict[str, Any]:
    assert phonebook.account is not None  # noqa: S101 - it is a mirror
    runs = Mirroring.objects.filter(phonebook=phonebook).select_related("account")
    return _panel(runs.first(), phonebook.account, phonebook)


def _rendered(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """The panel as a part of a page. Once the pass that it followed has ended, the whole page is loaded anew."""
    response = render(request, "contacts/_mirror.html", context)
    run = context["run"]
    if "follows" in request.GET and (run is None or run.status != _Status.RUNNING):
        response["HX-Refresh"] = "true"
    return response


@require_safe
def mirror(request: HttpRequest, pk: int) -> HttpResponse:
    """The panel of an account; empty where its provider keeps no lists."""
    account = get_object_or_404(ProviderAccount, pk=pk)
    if not mirroring.keeps_lists(account.slug):
        return HttpResponse()
    return _rendered(request, _account_panel(account))


@require_safe
def numbers(request: HttpRequest, pk: int) -> HttpResponse:
    """The panel of a mirrored phonebook."""
    return _rendered(request, _phonebook_panel(_mirrored(pk)))


@require_POST
@permission_required("providers.change_provideraccount", raise_exception=True)
def mirror_start(request: HttpRequest, pk: int) -> HttpResponse:
    """Fetch an account's lines, phonebooks and job categories."""
    account = _keeping_account(pk)
    problem = _start(request, account, None)
    if request.headers.get("HX-Request"):
        return _rendered(request, _account_panel(account) | {"problem": problem})
    if problem:
        messages.warning(request, problem)
    return redirect("contacts:mirrored", pk)


@require_POST
@permission_required("providers.change_provideraccount", raise_exception=True)
def numbers_start(request: HttpRequest, pk: int) -> HttpResponse:
    """Fetch the numbers of a mirrored phonebook."""
    phonebook = _mirrored(pk)
    assert phonebook.account is not None  # noqa: S101 - it is a mirror
    problem = _start(request, phonebook.account, phonebook)
    if request.headers.get("HX-Request"):
        return _rendered(request, _phonebook_panel(phonebook) | {"problem": problem})
    if problem:
        messages.warning(request, problem)
    return redirect(phonebook)


def _start(request: HttpRequest, account: ProviderAccount, phonebook: Phonebook | None) -> str:
    """Start a pass; where one runs already, that one is rung for. Returns what is in the way, in words."""
    try:
        mirroring.start(account, phonebook=phonebook, user=request.user)
    except mirroring.CannotMirror as error:
        for run in Mirroring.objects.stalled().filter(account=account, phonebook=phonebook):
            mirroring.ring(run.pk)
        return str(error)
    return ""


@require_safe
def mirrored(request: HttpRequest, pk: int) -> HttpResponse:
    """The mirrored phonebooks of an account, in the provider's order, and the panel."""
    account = _keeping_account(pk)
    passes = Mirroring.objects.filter(phonebook=OuterRef("pk"))
    completed = passes.filter(status=_Status.COMPLETED).order_by("-id")
    phonebooks = Phonebook.objects.filter(account=account).annotate(
        fetched_at=Subquery(completed.values("finished_at")[:1]),
        is_running=Exists(passes.filter(status=_Status.RUNNING)),
    )
    if query := request.GET.get("q", "").strip()[:100]:
        phonebooks = phonebooks.filter(name__icontains=query)
    context = _account_panel(account) | {
        "page": keyset_page(phonebooks, request.GET.dict(), ascending=True),
        "query": query,
    }
    return render(request, "contacts/mirrored.html", context)


@require_safe
def mirrored_phonebook(request: HttpRequest, pk: int) -> HttpResponse:
    """One mirrored phonebook with the numbers that have been fetched of it, found by number."""
    phonebook = _mirrored(pk)
    rows = ProviderNumber.objects.filter(phonebook=phonebook)
    if query := request.GET.get("q", "").strip()[:40]:
        digits = masking.findable(search_digits(query))
        rows = rows.with_number(digits) if digits else rows.none()
    context = _phonebook_panel(phonebook) | {
        "page": keyset_page(rows, request.GET.dict(), ascending=True),
        "query": query,
    }
    return render(request, "contacts/mirrored_phonebook.html", context)


def _mirrored(pk: int) -> Phonebook:
    mirrors = Phonebook.objects.filter(account__isnull=False).select_related("account")
    return get_object_or_404(mirrors, pk=pk)


@require_safe
def mirrored_categories(request: HttpRequest, pk: int) -> HttpResponse:
    """The job categories of an account as a tree; a search keeps what it finds and what that belongs to."""
    account = _keeping_account(pk)
    categories = JobCategory.objects.filter(account=account)
    query = request.GET.get("q", "").strip()[:100]
    found = Q(name__icontains=query) | Q(parent__name__icontains=query)
    children: dict[int, list[JobCategory]] = {}
    for category in categories.filter(found, parent__isnull=False).order_by("name"):
        children.setdefault(category.parent_id or 0, []).append(category)
    mains = categories.filter(parent=None).filter(Q(name__icontains=query) | Q(pk__in=children)).order_by("name")
    tree = [(main, children.get(main.pk, [])) for main in mains]
    return render(request, "contacts/mirrored_categories.html", {"account": account, "tree": tree, "query": query})
