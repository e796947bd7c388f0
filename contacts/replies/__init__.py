"""Replies that come in on our lines: 11 stops, 12 rejoins.

``due`` are the accounts whose inboxes are to be looked at, ``look`` reads one, ``ring`` asks the worker to.
"""

from contacts.replies.looking import due, failure, look, ring

__all__ = ["due", "failure", "look", "ring"]
