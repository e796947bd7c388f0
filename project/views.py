"""Health of the installation."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from campaigns import witness
from campaigns.hearts import hearts


@require_safe
@never_cache
@login_not_required
def health(request: HttpRequest) -> JsonResponse:
    """200 while the database answers, is no restored one and a worker has lately run a task from end to end; else 503.

    django-q2's own status stays green when its queue hangs, so only the heartbeats count. Whoever may sign in to the
    admin also learns the workers' names and ages in seconds.
    """
    try:
        found, doubt = hearts(), witness.in_doubt()
        is_staff = request.user.is_staff
    except DatabaseError:
        return JsonResponse({"database": False, "worker": False}, status=503)
    beating = sum(heart.beats for heart in found)
    answer: dict[str, Any] = {"database": True, "worker": beating > 0, "beating": beating}
    answer["silent"] = len(found) - beating
    if doubt:
        answer["restored"] = doubt.doubt
    if is_staff:
        answer["hearts"] = {heart.name: round(heart.age.total_seconds(), 1) for heart in found}
    return JsonResponse(answer, status=200 if beating and not doubt else 503)
