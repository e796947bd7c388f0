"""``manage.py worker`` with a watch that loses its patience after seconds instead of minutes."""

from __future__ import annotations

import sys
from pathlib import Path

import django


def main() -> None:
    django.setup()
    from campaigns.watching import Watch

    sys.argv[0] = str(Path(__file__).resolve().parents[2] / "manage.py")  # what the watch starts its cluster with
    Watch.grace, Watch.starting, Watch.ring_again = 6.0, 30.0, 1.0
    Watch().run()


if __name__ == "__main__":
    main()
