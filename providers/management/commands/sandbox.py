"""``manage.py sandbox``: a provider to try campaigns on, without spending a rial."""

from __future__ import annotations

import signal
import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, close_old_connections

from providers.models import ProviderAccount
from providers.sandbox import Sandbox
from providers.sandbox.ledger import Behaviour
from providers.secrets import UndecryptableSecret


class Command(BaseCommand):
    help = "Runs the provider sandbox until it is told to stop."
    requires_system_checks = ()  # it serves none of the site's pages

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=settings.SANDBOX_PORT)
        parser.add_argument("--webhook", default="", metavar="URL", help="where all delivery reports go")
        parser.add_argument(
            "--webhook-base",
            default=f"http://127.0.0.1:{settings.WEB_PORT}",
            metavar="URL",
            help="the site; the path is that of the account whose token the request carried",
        )
        parser.add_argument("--webhook-method", choices=["GET", "POST"], default="POST")
        parser.add_argument("--sent-after", type=float, default=1.0, metavar="SECONDS")
        parser.add_argument("--final-after", type=float, default=3.0, metavar="SECONDS")
        parser.add_argument("--undelivered", type=float, default=0.0, metavar="SHARE", help="ends with status 11")
        parser.add_argument("--blocked", type=float, default=0.0, metavar="SHARE", help="ends with status 14")
        parser.add_argument("--not-on-bale", type=float, default=0.0, metavar="SHARE", help="unknown to Safir")
        parser.add_argument("--seed", type=int, default=0)

    def handle(self, *args: Any, **options: Any) -> None:
        behaviour = Behaviour(
            seed=options["seed"],
            sent_after=options["sent_after"],
            final_after=options["final_after"],
            shares={"11": options["undelivered"], "14": options["blocked"]},
            not_on_bale=options["not_on_bale"],
            webhook=options["webhook"],
            webhook_method=options["webhook_method"],
        )
        try:
            sandbox = Sandbox(options["port"], behaviour=behaviour, resolve=WebhookFinder(options["webhook_base"]))
        except OSError as error:
            raise CommandError(f"Port {options['port']} cannot be used: {error.strerror}.") from None
        sandbox.start()
        self.stdout.write(f"The sandbox listens at {sandbox.base_url}")
        self.stdout.flush()
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, lambda *_: sandbox.stopping.set())
        sandbox.stopping.wait()
        sandbox.stop()


class WebhookFinder:
    """Finds the webhook of the account that a token belongs to; remembers what it found for a while."""

    def __init__(self, base: str) -> None:
        self._base = base.rstrip("/")
        self._known: dict[tuple[str, str], str] = {}
        self._until = 0.0

    def __call__(self, slug: str, token: str) -> str:
        if time.monotonic() > self._until or (slug, token) not in self._known:
            self._until = time.monotonic() + 30
            self._known = self._read()
        return self._known.get((slug, token), "")

    def _read(self) -> dict[tuple[str, str], str]:
        close_old_connections()
        found: dict[tuple[str, str], str] = {}
        try:
            for account in ProviderAccount.objects.all():
                try:
                    keys = [(account.slug, secret) for secret in account.secrets.values()]
                except UndecryptableSecret:
                    continue  # not ours to read
                found |= dict.fromkeys(keys, f"{self._base}/{account.webhook_path}")
        except DatabaseError:
            return self._known  # the site's database is away; polling covers what is lost meanwhile
        return found
