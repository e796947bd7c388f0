"""Health of the installation."""

from __future__ import annotations

import datetime as dt

from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from campaigns import witness
from campaigns.models import Heartbeat
from providers import clock

HEARTBEAT_LIMIT = dt.timedelta(seconds=60)


@require_safe
@never_cache
@login_not_required
def health(request: HttpRequest) -> JsonResponse:
    """200 while the database answers, is no restored one and a task has lately run from end to end; else 503, and why.

    django-q2's own status stays green when its queue hangs, so only the heartbeat counts.
    """
    try:
        beat = Heartbeat.objects.filter(name="worker").first()
        doubt, now = witness.in_doubt(), clock.now()
    except DatabaseError:
        return JsonResponse({"database": False, "worker": False}, status=503)
    worker = beat is not None and beat.is_fresh(now, HEARTBEAT_LIMIT)
    facts = {"database": True, "worker": worker} | ({"restored": doubt.doubt} if doubt else {})
    return JsonResponse(facts, status=200 if worker and not doubt else 503)
