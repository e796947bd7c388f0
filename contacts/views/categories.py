"""Job categories of ours as a tree with their counts. Everybody signed in may look; changing needs the permission."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from contacts import bulk, categories, mirroring
from contacts.category_forms import JobCategoryForm, RemoveCategoryForm
from contacts.models import BulkAction, JobCategory
from interface import persian
from providers.models import ProviderAccount
from providers.registry import PROVIDERS


@require_http_methods(["GET", "HEAD", "POST"])
def category_list(request: HttpRequest) -> HttpResponse:
    """Our categories with their contacts by operator, a form for a new one, and the accounts that keep their own."""
    if request.method == "POST" and not request.user.has_perm("contacts.add_jobcategory"):
        raise PermissionDenied
    form = JobCategoryForm(request.POST or None, initial={"parent": request.GET.get("parent", "")[:18]})
    if request.method == "POST" and _saved(form):
        messages.success(request, _("The job category was made."))
        return redirect("contacts:categories")
    tree = categories.tree()
    context = {
        "tree": tree,
        "operators": [operator.label for operator in categories.OPERATORS],
        "form": form,
        "accounts": _keeping_accounts(),
    }
    return render(request, "contacts/categories.html", context, status=422 if form.errors else 200)


def _saved(form: JobCategoryForm) -> bool:
    """Check and save under the lock of the tree: another change at the same time could make a third level."""
    with transaction.atomic():
        categories.hold()
        if form.is_valid():
            form.save()
            return True
    return False


def _keeping_accounts() -> QuerySet[ProviderAccount]:
    slugs = [slug for slug in PROVIDERS if mirroring.keeps_lists(slug)]
    here = Q(jobcategory__gone_since=None)
    return (
        ProviderAccount.objects.filter(slug__in=slugs)
        .annotate(
            mains=Count("jobcategory", filter=here & Q(jobcategory__parent=None)),
            subs=Count("jobcategory", filter=here & Q(jobcategory__parent__isnull=False)),
        )
        .order_by("name")
    )


@require_http_methods(["GET", "HEAD", "POST"])
def category_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One of our categories: its name and place to change, and its deletion."""
    if request.method == "POST" and not request.user.has_perm("contacts.change_jobcategory"):
        raise PermissionDenied
    category = get_object_or_404(JobCategory.objects.ours().select_related("parent"), pk=pk)
    title = str(category)
    form = JobCategoryForm(request.POST or None, instance=category)
    if request.method == "POST" and _saved(form):
        messages.success(request, _("The job category was saved."))
        return redirect("contacts:categories")
    return _page(request, category, title, form, RemoveCategoryForm(category))


def _page(
    request: HttpRequest, category: JobCategory, title: str, form: JobCategoryForm, remove: RemoveCategoryForm
) -> HttpResponse:
    context = {
        "category": category,
        "title": title,
        "form": form,
        "remove": remove,
        "contacts": categories.members(category).count(),
        "subs": category.children.count(),
    }
    status = 422 if form.errors or remove.errors else 200
    return render(request, "contacts/category.html", context, status=status)


@require_POST
@permission_required("contacts.delete_jobcategory", raise_exception=True)
def category_delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete a category; its contacts get another one, or none. A second press finds it gone."""
    category = JobCategory.objects.ours().filter(pk=pk).select_related("parent").first()
    if category is None:
        return redirect("contacts:categories")
    form = RemoveCategoryForm(category, request.POST)
    if not form.is_valid():
        return _page(request, category, str(category), JobCategoryForm(instance=category), form)
    if categories.members(category)[categories.AT_ONCE :].exists():
        heir = form.cleaned_data["heir"]
        selection = {"filter": {"category": str(pk)}}
        params = {"category": heir.pk if heir else None}
        messages.info(request, _("It has many contacts: they are changed first. Delete it when that is done."))
        return redirect(bulk.start(BulkAction.Kind.CATEGORISE, selection, params, request.user))
    try:
        moved = categories.remove(category, form.cleaned_data["heir"])
    except categories.CategoryInUse as error:
        names = "، ".join(persian.isolated(it.title) for it in error.named_by[:3])
        messages.error(request, _("It cannot be deleted: campaigns name it (%(campaigns)s).") % {"campaigns": names})
        return redirect(category)
    words = ngettext(
        "The job category was deleted; %(n)s contact changed.",
        "The job category was deleted; %(n)s contacts changed.",
        moved,
    )
    messages.success(request, words % {"n": persian.number(moved)})
    return redirect("contacts:categories")


@require_POST
@permission_required("contacts.add_jobcategory", raise_exception=True)
def category_copy(request: HttpRequest, pk: int) -> HttpResponse:
    """Make the categories that an account's provider keeps ours; a second press makes none."""
    account = get_object_or_404(ProviderAccount, pk=pk)
    made = categories.copy_to_ours(account)
    words = ngettext("%(n)s job category was made.", "%(n)s job categories were made.", made)
    messages.success(request, words % {"n": persian.number(made)})
    return redirect("contacts:categories")
