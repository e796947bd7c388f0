"""Commands for scripts: whatever is wrong with a call, the exit status is 1."""

from __future__ import annotations

import sys

from django.core.management.base import BaseCommand

USAGE_ERROR = 2  # argparse's own


class ScriptCommand(BaseCommand):
    """A command whose exit status is 0, or 1 with the reason on standard error, also for arguments that are wrong."""

    def run_from_argv(self, argv: list[str]) -> None:
        """Run the command line; argparse's status for wrong arguments becomes ours."""
        try:
            super().run_from_argv(argv)
        except SystemExit as ended:
            if ended.code == USAGE_ERROR:
                sys.exit(1)
            raise
