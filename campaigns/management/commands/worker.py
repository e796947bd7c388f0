"""The documented way to run the background work: a django-q2 cluster that is watched and, when it hangs, replaced."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from campaigns import watching


class Command(BaseCommand):
    """Run until SIGTERM; the call in flight is finished first."""

    help = "Run the background work until SIGTERM; a queue that hangs is killed and started anew."

    def handle(self, *args: Any, **options: Any) -> None:
        watching.Watch().run()
