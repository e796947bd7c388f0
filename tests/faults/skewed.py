"""``manage.py`` on a machine whose clock is wrong: ``python tests/faults/skewed.py worker``, by ``CLOCK_SKEW`` seconds.

The processes that the worker starts are of this entry, too.
"""

from __future__ import annotations

import datetime as dt
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))


def skew(seconds: float) -> None:
    from django.utils import timezone

    right, right_time = timezone.now, time.time
    timezone.now = lambda: right() + dt.timedelta(seconds=seconds)
    time.time = lambda: right_time() + seconds


if __name__ == "__main__":
    from django.core.management import execute_from_command_line

    skew(float(os.environ["CLOCK_SKEW"]))
    execute_from_command_line(sys.argv)
