"""Contacts, phonebooks, job categories, suppressions; what brings them in and what is done with many of them."""

from contacts.models.bulk import BulkAction
from contacts.models.importing import ContactImport, ImportIssue
from contacts.models.mirroring import Mirroring, ProviderNumber
from contacts.models.people import Contact, JobCategory, Membership, Mirrored, Operator, Phonebook
from contacts.models.replies import OptOutReply, ReplyInbox
from contacts.models.suppression import Source, Suppression, SuppressionChange, SuppressionFile

__all__ = [
    "BulkAction",
    "Contact",
    "ContactImport",
    "ImportIssue",
    "JobCategory",
    "Membership",
    "Mirrored",
    "Mirroring",
    "Operator",
    "OptOutReply",
    "Phonebook",
    "ProviderNumber",
    "ReplyInbox",
    "Source",
    "Suppression",
    "SuppressionChange",
    "SuppressionFile",
]
