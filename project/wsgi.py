"""The WSGI application. Chapar is served by WSGI only: webhooks cost less there, and connections persist."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")

django_application = get_wsgi_application()

from campaigns.delivery.webhooks import ShortPath  # noqa: E402 - needs the settings and the apps

application = ShortPath(django_application)
