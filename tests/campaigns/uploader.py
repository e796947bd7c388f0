"""A process that keeps a file for a campaign and uploads it, and prints how much memory that took at most, in MB."""

from __future__ import annotations

import sys
from pathlib import Path

import django


def peak() -> int:
    """The largest resident memory of this process so far, in kB."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])


def main(line_id: int, path: Path) -> None:
    django.setup()
    from campaigns import attaching
    from campaigns.models import Campaign
    from campaigns.sending import attachments
    from providers.models import SenderLine

    line = SenderLine.objects.select_related("account").get(pk=line_id)
    before = peak()
    file = attaching.attach(line, path)
    attachments.ensure_uploaded(Campaign(line=line, file=file))
    sys.stdout.write(str((peak() - before) // 1024))


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
