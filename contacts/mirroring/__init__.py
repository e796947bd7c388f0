"""What a provider keeps, mirrored here page by page: lines, phonebooks, job categories, the numbers of a phonebook."""

from contacts.mirroring.reasons import CannotMirror, failure, keeps_lists
from contacts.mirroring.running import ring, run, start

__all__ = ["CannotMirror", "failure", "keeps_lists", "ring", "run", "start"]
