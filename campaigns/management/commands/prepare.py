"""``manage.py prepare ID``: what a worker starts for a campaign whose file takes longer to upload than a task may."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from campaigns import lifecycle


class Command(BaseCommand):
    """Upload the campaign's file, fix its audience, set it running. The worker does it by itself."""

    help = "Upload a launched campaign's file and set it running. The worker does this by itself."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("id", type=int)

    def handle(self, *args: Any, **options: Any) -> None:
        lifecycle.prepare(options["id"])
