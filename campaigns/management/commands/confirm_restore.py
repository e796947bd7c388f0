"""Saying what a restored or moved database is, from the command line."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from campaigns import lifecycle, restoring
from interface.commands import ScriptCommand


class Command(ScriptCommand):
    """``confirm_restore --sent-meanwhile | --nothing-sent``; with ``--json`` one object on standard output."""

    help = "Say whether messages may have gone out since the backup that this database was restored from."

    def add_arguments(self, parser: ArgumentParser) -> None:
        answer = parser.add_mutually_exclusive_group(required=True)
        answer.add_argument(
            "--sent-meanwhile",
            action="store_true",
            help="a backup was restored: pause what runs, and take what it says is pending as unclear",
        )
        answer.add_argument(
            "--nothing-sent",
            action="store_true",
            help="it was only moved or copied, and nothing was sent since: go on",
        )
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["nothing_sent"]:
                at_stake = restoring.nothing_sent()
            else:
                at_stake = restoring.sent_meanwhile()
                while not restoring.settle(60.0):
                    time.sleep(0.1)
        except lifecycle.NotAllowed as error:
            raise CommandError(str(error)) from None
        facts = at_stake._asdict()
        if options["json"]:
            self.stdout.write(json.dumps(facts))
        else:
            self.stdout.write("\n".join(f"{key}: {value}" for key, value in facts.items()))
