"""A worker that may have so much memory: ``python -m tests.contacts.limited_worker IMPORT_ID MEGABYTES WAY``.

``WAY`` is ``import``, or ``naive``: to hold all rows of the file at once.
"""

from __future__ import annotations

import csv
import resource
import sys
from pathlib import Path

import django


def main() -> None:
    django.setup()
    from contacts import importing
    from contacts.models import ContactImport

    import_id, limit, way = int(sys.argv[1]), int(sys.argv[2]) << 20, sys.argv[3]
    path = Path(ContactImport.objects.get(pk=import_id).path)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    if way == "import":
        importing.run(import_id)
        return
    with path.open(encoding="utf-8", newline="") as file:
        print(len(list(csv.reader(file))))  # noqa: T201 - what the test would read


if __name__ == "__main__":
    main()
