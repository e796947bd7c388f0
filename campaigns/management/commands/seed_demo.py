"""What a new installation shows: an administrator and the demo. Repeating it changes nothing."""

from __future__ import annotations

import secrets
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from campaigns import demo

ADMINISTRATOR = "admin"


class Command(BaseCommand):
    """Make the administrator ``admin`` and the demo, once."""

    help = "Make the administrator and the demo: accounts at the sandbox, a phonebook and finished campaigns."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--password", default="", help="the administrator's; else DEMO_PASSWORD, else a random one")

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("The demo is not for production; make a user with createsuperuser.")
        users = get_user_model().objects
        if not users.filter(username=ADMINISTRATOR).exists():
            password = options["password"] or settings.DEMO_PASSWORD
            if not password:
                password = secrets.token_urlsafe(9)
                path = Path(settings.VAR_DIR) / "first_password"
                path.touch(mode=0o600)
                path.write_text(password)
            users.create_superuser(ADMINISTRATOR, password=password)
        if demo.seed():
            self.stdout.write("The demo is ready.")
