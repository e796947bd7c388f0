"""The rival of ``benchmarks.webhooks``: a Django view as most are written, with Django's default settings.

Default middleware, ``CONN_MAX_AGE=0``, ``create``. Only the CSRF check is switched off for it, as it must be.
"""

from __future__ import annotations

import os

import environ
from django.conf import settings

_DEFAULTS = ("sessions.middleware.Session", "middleware.common.Common", "middleware.csrf.CsrfView")
settings.configure(
    SECRET_KEY="benchmark",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    DATABASES={"default": environ.Env().db_url_config(os.environ["DATABASE_URL"])},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"],
    # The list that startproject writes.
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        *(f"django.{'contrib.' if name.startswith('sessions') else ''}{name}Middleware" for name in _DEFAULTS),
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
)

from django.core.wsgi import get_wsgi_application  # noqa: E402

application = get_wsgi_application()

from django.db import models  # noqa: E402
from django.http import HttpRequest, HttpResponse, JsonResponse  # noqa: E402
from django.urls import path  # noqa: E402
from django.utils import timezone  # noqa: E402
from django.views.decorators.csrf import csrf_exempt  # noqa: E402


class Event(models.Model):
    """The product's table."""

    account_id = models.BigIntegerField()
    provider_ref = models.CharField(max_length=64)
    report = models.CharField(max_length=12)
    code = models.CharField(max_length=32)
    words = models.CharField(max_length=300, default="")
    source = models.CharField(max_length=8, default="webhook")
    cost = models.PositiveIntegerField(null=True)
    received_at = models.DateTimeField(default=timezone.now)
    result = models.PositiveSmallIntegerField(default=0)
    tries = models.PositiveSmallIntegerField(default=0)
    retry_at = models.DateTimeField(default=timezone.now)

    objects: models.Manager[Event] = models.Manager()

    class Meta:
        app_label = "benchmark"
        db_table = "campaigns_deliveryevent"
        managed = False

    def __str__(self) -> str:
        return self.provider_ref


@csrf_exempt
def webhook(request: HttpRequest) -> HttpResponse:
    """Store a report."""
    form = request.POST
    Event.objects.create(account_id=1, provider_ref=form["messageid"], report="delivered", code=form["status"])
    return JsonResponse({"stored": 1})


urlpatterns = [path("webhooks/", webhook)]
