"""Retention: removes the recipients of campaigns that ended long ago."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils.translation import gettext as _

from campaigns import pruning
from interface.commands import ScriptCommand


class Command(ScriptCommand):
    """``prune --older-than DAYS``; the figures of each campaign stay."""

    help = "Remove the messages of campaigns that ended more than DAYS ago, and the reports of before then."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--older-than", type=int, required=True, metavar="DAYS")
        parser.add_argument("--dry-run", action="store_true", help="tell what would be removed, and remove nothing")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        days = options["older_than"]
        if days < pruning.SHORTEST:
            sentence = _("Reports are matched for %(days)s days: nothing younger can be removed.")
            raise CommandError(sentence % {"days": pruning.SHORTEST})
        found = (pruning.plan(days) if options["dry_run"] else pruning.prune(days))._asdict()
        if options["json"]:
            self.stdout.write(json.dumps(found))
        else:
            self.stdout.write("\n".join(f"{key}: {number}" for key, number in found.items()))
