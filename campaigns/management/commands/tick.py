"""One tick by hand, or from a timer where the worker's own is not wanted."""

from typing import Any

from django.core.management.base import BaseCommand

from campaigns import ringing


class Command(BaseCommand):
    """Ring once for whatever waits."""

    help = "Ring once for whatever waits: due campaigns, lost batches, unsent batches, events, polls, imports."

    def handle(self, *args: Any, **options: Any) -> None:
        ringing.tick()
