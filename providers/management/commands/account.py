"""``manage.py account add``: an account with its lines, for scripts. The interface is fixed in docs/architecture.md."""

from __future__ import annotations

import json
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from interface.commands import ScriptCommand
from providers import registry
from providers.forms import PREFIX, AccountForm, check_sender, keyless
from providers.models import ProviderAccount, SenderLine


class Command(ScriptCommand):
    help = "Adds an account at a provider, with its sender lines."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        add = actions.add_parser("add", help=self.help)
        add.add_argument("--provider", required=True, metavar="SLUG")
        add.add_argument("--name", required=True)
        add.add_argument("--base-url", default="", metavar="URL")
        add.add_argument("--credential", action="append", default=[], metavar="KEY=VALUE")
        add.add_argument("--line", action="append", default=[], metavar="SENDER")
        add.add_argument("--line-kind", choices=SenderLine.Kind.values, default=SenderLine.Kind.ADVERTISING)
        add.add_argument("--batch-size", type=int)
        add.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with transaction.atomic():
                account = _account(options)
                lines = [_line(account, sender, options["line_kind"]) for sender in options["line"]]
        except registry.UnknownProvider:
            known = ", ".join(registry.PROVIDERS)
            raise CommandError(f"There is no provider {options['provider']}; known: {known}.") from None
        except ValidationError as error:
            raise CommandError(_sentence(error)) from None
        line_id = lines[0].pk if lines else None
        answer = {"id": account.pk, "line_id": line_id, "webhook_path": account.webhook_path}
        if options["json"]:
            self.stdout.write(json.dumps(answer))
        else:
            self.stdout.write(f"Account {account.pk} was added. Its webhook: /{account.webhook_path}")


def _account(options: dict[str, Any]) -> ProviderAccount:
    provider = registry.provider_class(options["provider"])
    given = dict(_pair(each) for each in options["credential"])
    if unknown := given.keys() - {each.name for each in provider.credential_fields}:
        raise ValidationError(f"{provider.label} has no credential {', '.join(sorted(unknown))}.")
    if options["batch_size"] is not None and provider.capabilities.keeps_audience:
        raise ValidationError(f"{provider.label} keeps the recipients itself, so it takes no batch size.")
    data = {
        "name": options["name"],
        "base_url": options["base_url"] or provider.default_base_url,
        "enabled": "on",
        "batch_size": options["batch_size"],
        **{PREFIX + name: value for name, value in given.items()},
    }
    form = AccountForm(data, slug=options["provider"])
    if not form.is_valid():
        raise ValidationError(
            [f"{name.removeprefix(PREFIX)}: {text}" for name, texts in form.errors.items() for text in texts]
        )
    return form.save()


def _line(account: ProviderAccount, sender: str, kind: str) -> SenderLine:
    provider = keyless(account)
    line = SenderLine(account=account, sender=sender.strip(), kind=kind, channel=provider.capabilities.channels[0])
    check_sender(provider, line.sender)
    line.full_clean()
    line.save()
    return line


def _pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise ValidationError("A credential is written KEY=VALUE.")
    return name, value


def _sentence(error: ValidationError) -> str:
    return " ".join(str(message) for message in error.messages)
