"""``manage.py rotate_field_keys``: writes all credentials anew under the first key of FIELD_ENCRYPTION_KEYS."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from providers.models import ProviderAccount
from providers.secrets import UndecryptableSecret


class Command(BaseCommand):
    help = "Re-encrypts all credentials with the first key; after it, older keys may be removed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        accounts = list(ProviderAccount.objects.select_for_update().order_by("pk"))
        for account in accounts:
            try:
                account.credentials = account.secrets
            except UndecryptableSecret:
                raise CommandError(
                    f"No key opens the credentials of account {account.pk}; nothing was changed."
                ) from None
            account.save(update_fields=["credentials"])
        answer = json.dumps({"accounts": len(accounts)})
        self.stdout.write(answer if options["json"] else f"{len(accounts)} accounts were encrypted anew.")
