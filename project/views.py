"""Health of the installation."""

from __future__ import annotations

import datetime as dt

from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from campaigns.models import Heartbeat

HEARTBEAT_LIMIT = dt.timedelta(seconds=60)


@require_safe
@never_cache
@login_not_required
def health(request: HttpRequest) -> JsonResponse:
    """200 while the database answers and a task has lately run from end to end; 503 with the reason otherwise.

    django-q2's own status stays green when its queue hangs, so only the heartbeat counts.
    """
    try:
        beat = Heartbeat.objects.filter(name="worker").first()
    except DatabaseError:
        return JsonResponse({"database": False, "worker": False}, status=503)
    worker = beat is not None and beat.is_fresh(timezone.now(), HEARTBEAT_LIMIT)
    return JsonResponse({"database": True, "worker": worker}, status=200 if worker else 503)
