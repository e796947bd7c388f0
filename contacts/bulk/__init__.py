"""Actions on many contacts: started once, run in slices, taken up again after a kill where the last slice ended.

A kind of action is a class (``contacts.bulk.kinds.Kind``) that ``register`` has been told of, from a module that
``ContactsConfig.ready`` imports.
"""

from contacts.bulk.kinds import CannotGoOn, Kind, OfContacts, register
from contacts.bulk.running import AT_ONCE, cancel, ring, run, start

__all__ = ["AT_ONCE", "CannotGoOn", "Kind", "OfContacts", "cancel", "register", "ring", "run", "start"]
