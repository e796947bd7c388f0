"""``manage.py check_account NAME``: the test of an account's connection, for scripts and the terminal."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils.translation import gettext as _

from interface.commands import ScriptCommand
from providers import checking
from providers.models import ProviderAccount


class Command(ScriptCommand):
    """Exit status 0 when all is well; else 1, with what is wrong on standard error. With ``--json`` one object."""

    help = "Tests an account's address, key and lines. Sends no message and costs nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME", help="the account's name")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        account = ProviderAccount.objects.filter(name=options["name"]).first()
        if account is None:
            raise CommandError(_("There is no account “%(name)s”.") % {"name": options["name"]})
        found = checking.check(account)
        if options["json"]:
            findings = [finding._asdict() for finding in found.findings]
            self.stdout.write(
                json.dumps({"ok": found.ok, "findings": findings, "credit": found.credit}, ensure_ascii=False)
            )
        else:
            for finding in found.findings:
                if finding.level != checking.PROBLEM:
                    self.stdout.write(_in_words(finding))
        if not found.ok:
            problems = [_in_words(each) for each in found.findings if each.level == checking.PROBLEM]
            raise CommandError("\n".join(problems))


def _in_words(finding: checking.Finding) -> str:
    return f"{finding.sentence}\n  {finding.next}" if finding.next else finding.sentence
