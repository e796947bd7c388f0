"""The ready roles from the command line: what each may, and the way back to what it began with."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import Group

from interface.commands import ScriptCommand
from project import roles


class Command(ScriptCommand):
    """``roles`` prints each group with its permissions; ``--reset`` gives the ready ones their first again."""

    help = "Show the roles and their permissions, or reset the ready ones."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--reset", action="store_true", help="forget what was changed of the ready roles")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        roles.make(reset=options["reset"])
        found = {
            group.name: sorted(
                f"{permission.content_type.app_label}.{permission.codename}"
                for permission in group.permissions.select_related("content_type")
            )
            for group in Group.objects.order_by("name")
        }
        if options["json"]:
            self.stdout.write(json.dumps(found))
            return
        for name, permissions in found.items():
            self.stdout.write("\n  ".join([name, *permissions]))
