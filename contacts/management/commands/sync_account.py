"""``manage.py sync_account NAME``: the lists that the account's provider keeps, fetched here and now."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from contacts import mirroring
from contacts.models import Mirroring, Phonebook
from interface.commands import ScriptCommand
from providers.models import ProviderAccount

COUNTS = ("lines", "phonebooks", "categories", "subcategories")


class Command(ScriptCommand):
    """Fetches page by page. If this process dies, the worker, or the next call, goes on with the next page."""

    help = "Fetch the lines, phonebooks and job categories of an account from its provider."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", metavar="NAME", help="of the account")
        parser.add_argument("--numbers", metavar="REF", help="also the numbers of the phonebook with this id there")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        account = ProviderAccount.objects.filter(name=options["name"]).first()
        if account is None:
            raise CommandError(f"There is no account “{options['name']}”.")
        run = _fetched(account, None)
        answer = {"id": run.pk, "status": run.status, **{name: run.counts.get(name, 0) for name in COUNTS}}
        if ref := options["numbers"]:
            phonebook = Phonebook.objects.filter(account=account, provider_ref=ref, gone_since=None).first()
            if phonebook is None:
                raise CommandError(f"The provider has no phonebook {ref}.")
            answer["numbers"] = _fetched(account, phonebook).counts.get("numbers", 0)
        if options["json"]:
            self.stdout.write(json.dumps(answer))
        else:
            self.stdout.write(", ".join(f"{name} {value}" for name, value in answer.items()))


def _fetched(account: ProviderAccount, phonebook: Phonebook | None) -> Mirroring:
    """A completed mirroring: a new one, or the one that nobody goes on with."""
    try:
        run = mirroring.start(account, phonebook=phonebook, in_background=False)
    except mirroring.CannotMirror as error:
        left = Mirroring.objects.stalled().filter(account=account, phonebook=phonebook).first()
        if left is None:
            raise CommandError(str(error)) from None
        run = left
    while run.status == Mirroring.Status.RUNNING:
        mirroring.run(run.pk)
        run.refresh_from_db()
        if run.status == Mirroring.Status.RUNNING:
            time.sleep(0.5)  # it waits for the provider, or the worker was faster to take it
    if failure := mirroring.failure(run):
        raise CommandError(" ".join(filter(None, (failure.meaning, failure.words, failure.next_step))))
    return run
