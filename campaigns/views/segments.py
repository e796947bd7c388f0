"""Segments: the list, the builder, and whom one finds. Everybody signed in may look; changing needs the permission."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from campaigns.models import AudienceRule, Campaign, Segment
from campaigns.segment_forms import SegmentForm
from campaigns.segmenting import wording
from campaigns.segmenting.looking import look
from interface import masking, persian

ARRANGING = ("add", "remove", "arrange")  # of conditions: the form comes back, and nothing is judged or saved
BUILDERS = ("campaigns.add_segment", "campaigns.change_segment")
SHOWN_PEOPLE = 5
SHOWN_CAMPAIGNS = 3


class Listed(NamedTuple):
    """A segment in the list: in words, and the campaigns that name it."""

    segment: Segment
    says: str
    stale: bool
    campaigns: list[Campaign]


@require_safe
def segment_list(request: HttpRequest) -> HttpResponse:
    """All segments in words, who made them, which campaigns name them; their sizes follow one by one."""
    users: dict[int | None, list[Campaign]] = {}
    for rule in AudienceRule.objects.filter(segment__isnull=False).select_related("campaign").order_by("-campaign"):
        named = users.setdefault(rule.segment_id, [])
        if rule.campaign not in named:
            named.append(rule.campaign)
    rows = list(Segment.objects.select_related("created_by"))
    names = wording.names_in(segment.conditions for segment in rows)
    listed = [
        Listed(it, wording.sentence(it.conditions, names), wording.missing(it.conditions, names), users.get(it.pk, []))
        for it in rows
    ]
    return render(request, "campaigns/segments/list.html", {"listed": listed})


@require_safe
def segment_size(request: HttpRequest, pk: int) -> HttpResponse:
    """How many people a segment finds now: a fragment of the list."""
    segment = get_object_or_404(Segment, pk=pk)
    return render(request, "campaigns/segments/_size.html", {"found": look(segment.conditions)})


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required("campaigns.add_segment", raise_exception=True)
def segment_new(request: HttpRequest) -> HttpResponse:
    """Builds a segment; ``?like=ID`` begins with the conditions of that one."""
    like = request.GET.get("like", "")
    original = Segment.objects.filter(pk=int(like[:18])).first() if like.isascii() and like.isdigit() else None
    return _build(request, None, original)


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required("campaigns.change_segment", raise_exception=True)
def segment_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Changes a segment."""
    return _build(request, get_object_or_404(Segment, pk=pk))


def _build(request: HttpRequest, segment: Segment | None, like: Segment | None = None) -> HttpResponse:
    judged = not any(action in request.POST for action in ARRANGING)
    form = SegmentForm(request.POST or None, segment=segment, like=like, judged=judged)
    if request.method == "POST" and judged:
        if _saved_already(request, form):
            return redirect("campaigns:segments")
        if form.is_valid() and _save(request, form):
            messages.success(request, _("The segment was saved."))
            return redirect("campaigns:segments")
    context = {"form": form, "segment": segment, "users": _users(segment) if segment else []}
    return render(request, "campaigns/segments/edit.html", context, status=422 if form.errors else 200)


def _saved_already(request: HttpRequest, form: SegmentForm) -> bool:
    """Whether this very segment has just been made: the second of two clicks makes no other, and hears no complaint."""
    if form.segment is not None:
        return False
    name = " ".join(str(form["name"].value() or "").split())
    made = Segment.objects.filter(name=name, created_by=request.user.pk).first()
    return made is not None and made.conditions == form.conditions()


def _save(request: HttpRequest, form: SegmentForm) -> bool:
    segment = form.segment or Segment(created_by_id=request.user.pk)
    segment.name, segment.conditions = form.cleaned_data["name"], form.conditions()
    try:
        with transaction.atomic():
            segment.save()
    except IntegrityError:  # another of this name was saved since the form looked
        form.add_error("name", _("There is a segment of this name already."))
        return False
    return True


def _users(segment: Segment) -> list[Campaign]:
    """The campaigns that name a segment, the newest first."""
    return list(Campaign.objects.filter(pk__in=AudienceRule.objects.filter(segment=segment).values("campaign")))


def _check_builder(request: HttpRequest) -> None:
    if not any(request.user.has_perm(permission) for permission in BUILDERS):
        raise PermissionDenied(BUILDERS[0])


@require_POST
def segment_rows(request: HttpRequest) -> HttpResponse:
    """The builder's conditions anew, after one was added, removed or given another field or test."""
    _check_builder(request)
    form = SegmentForm(request.POST, judged=False)
    response = render(request, "campaigns/segments/_conditions.html", {"form": form})
    response["HX-Trigger-After-Settle"] = "rows"  # the live count listens
    return response


@require_POST
def segment_count(request: HttpRequest) -> HttpResponse:
    """The builder's fragment: the conditions in words, how many people meet them, and some of these."""
    _check_builder(request)
    form = SegmentForm(request.POST, judged=False)
    if any(row.field == "phone" for row in form.rows):
        masking.require()  # what the others find would not be what is shown
    conditions = form.conditions()
    context: dict[str, Any] = {"conditions": conditions}
    if conditions:
        context |= {"says": wording.sentences(conditions), "found": look(conditions, SHOWN_PEOPLE)}
    return render(request, "campaigns/segments/_count.html", context)


@require_POST
@permission_required("campaigns.delete_segment", raise_exception=True)
def segment_delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Deletes a segment that no campaign names. A second press finds it gone and says the same."""
    segment = Segment.objects.filter(pk=pk).first()
    try:
        if segment:
            segment.delete()
    except ProtectedError:
        named = _(", ").join(persian.isolated(it) for it in _users(Segment(pk=pk))[:SHOWN_CAMPAIGNS])
        messages.error(request, _("It cannot be deleted while campaigns name it: %(names)s") % {"names": named})
        return redirect("campaigns:segment_edit", pk)
    messages.success(request, _("The segment was deleted."))
    return redirect("campaigns:segments")
