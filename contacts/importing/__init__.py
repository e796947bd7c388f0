"""Contacts from CSV files: read, mapped, cleaned and loaded, with an accounting that adds up.

``store`` and ``prepare`` make an import of a file, ``start`` starts it, ``run`` loads it in slices; ``stalled_imports``
are those to be rung for again.
"""

from contacts.importing.loading import cancel, ring, run, seconds_left, stalled_imports
from contacts.importing.reasons import UnreadableFile
from contacts.importing.starting import earlier, prepare, start, store

__all__ = [
    "UnreadableFile",
    "cancel",
    "earlier",
    "prepare",
    "ring",
    "run",
    "seconds_left",
    "stalled_imports",
    "start",
    "store",
]
