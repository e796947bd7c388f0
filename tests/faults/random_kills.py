"""Kills at random over one campaign, on a database of its own, and what came of it.

    .venv/bin/python -m tests.faults.random_kills --kills 200 --seed 1405

Several workers send at once, the provider is the sandbox in a process of its own and spoils a share of the requests,
and the workers are killed by SIGKILL at the points of a send and at any moment. Ends with 0 where nobody was lost,
nobody got a message twice, everybody has an outcome and the accounting is right; with 3 where anybody got one twice;
else with 1. ``--engine resends`` runs a wrong engine, which has to end with 3: a harness that cannot fail proves
nothing.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DOUBLED = 3


@contextmanager
def surroundings(database: str) -> Iterator[dict[str, str]]:
    """An empty, migrated database and a folder; sets Django up on them, and yields the environment for processes."""
    from tests.postgres import embedded_postgres

    with tempfile.TemporaryDirectory(prefix="chapar-faults-", ignore_cleanup_errors=True) as temporary:
        directory = Path(temporary)
        directory.chmod(0o755)  # an embedded server started by root runs as a user of its own
        if database == "sqlite":
            yield _set_up(directory, f"sqlite:///{directory / 'faults.sqlite3'}")
            return
        with embedded_postgres(directory) as url:
            yield _set_up(directory, url)


def _set_up(directory: Path, url: str) -> dict[str, str]:
    import django
    from django.core.management import call_command

    from tests.faults.trouble import ENVIRONMENT

    os.environ.update(ENVIRONMENT, READ_DOT_ENV="false", DATABASE_URL=url, VAR_DIR=str(directory / "var"))
    os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings"
    django.setup()
    call_command("migrate", verbosity=0)
    return dict(os.environ)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1405)
    parser.add_argument("--recipients", type=int, default=0, help="0: as many as the kills need")
    parser.add_argument("--workers", type=int, default=3, help="at once")
    parser.add_argument("--provider", choices=["najva", "safir", "gosms"], default="najva")
    parser.add_argument("--database", choices=["postgres", "sqlite"], default="postgres")
    parser.add_argument("--engine", choices=["ours", "resends"], default="ours")
    options = vars(parser.parse_args())
    with surroundings(options.pop("database")) as environment:
        from tests.faults.havoc import Havoc, Plan

        outcome = Havoc(Plan(**options), environment).run()
        sys.stdout.write(f"{outcome}\n")
    if outcome.tally.doubled:
        return DOUBLED
    return 0 if outcome.well else 1


if __name__ == "__main__":
    sys.exit(main())
