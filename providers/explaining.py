"""Codes in plain words: what one means and what to do about it, beside the provider's own code and words.

Besides the providers' codes (``providers.codes``) there are words of ours, for what no provider answered: a connection
that failed, an answer that is none, a message that was never tried.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from django.utils.translation import gettext_lazy as _

from providers import codes
from providers.codes import Words


class Explanation(NamedTuple):
    """A code in the reader's language: one sentence each. ``ours``: the code is a word of ours, not the provider's."""

    meaning: str
    next_step: str
    ours: bool = False


_LOOK_FIRST = _("Look in the provider's panel whether the messages are there before you send them again.")
_BY_ITSELF = _("Nothing has to be done: it is tried again by itself.")
_TEST = _("Test the connection on the account's page.")
_LATER = _("Try again in a few minutes.")
_TELL = _("Tell whoever looks after this installation.")
_OWN_FAULT = (_("The program made a request that the provider's document forbids."), _TELL)

# Before a byte of the request was sent: certainly nothing was taken.
_CONNECTING: Mapping[str, Words] = {
    "connection_refused": (
        _("The server at this address refuses connections."),
        _("Check the host and the port of the base URL. If they are right, the provider's service is down for now."),
    ),
    "name_not_resolved": (
        _("The host in the base URL cannot be found."),
        _("Check how the host is spelt. If it is right, the name service of this server does not work."),
    ),
    "connect_timeout": (
        _("The server at this address cannot be reached."),
        _("Check the host and the port of the base URL, and whether this server's firewall lets the connection out."),
    ),
    "no_connection": (
        _("There is no way from here to the provider's server."),
        _("Check the network and the firewall of this server."),
    ),
    "tls_failure": (
        _("No secure connection came about: the certificate is not valid, or the port is not one for https."),
        _("Check the host and the port of the base URL, and the clock of this server."),
    ),
    "lost_claim": (
        _("The batch was no longer this worker's, or its time had come too near, before the request began."),
        _BY_ITSELF,
    ),
    "journal_not_written": (
        _("The disk took no record of the request, so it was not made."),
        _("Look at the free space and the rights of VAR_DIR on this server."),
    ),
    "not_reached": (_("The group of requests ended before this one's turn."), _BY_ITSELF),
    "database_away": (_("The database was away just before the request."), _BY_ITSELF),
}

# Afterwards: the messages may have been taken.
_ANSWERING: Mapping[str, Words] = {
    "read_timeout": (_("The server was reached, but no answer came in time."), _LOOK_FIRST),
    "connection_lost": (_("The connection broke before the answer was complete."), _LOOK_FIRST),
    "deadline": (_("The answer took so long that it was cut off."), _LOOK_FIRST),
    "transport_failure": (_("The connection failed in a way that nobody foresaw."), _LOOK_FIRST),
    "answer_too_large": (_("The answer was larger than any that the provider's document knows of."), _LOOK_FIRST),
    "not_the_documented_json": (_("The answer is not what the provider's document describes."), _TEST),
    **dict.fromkeys(("no_ids", "no_id"), (_("The provider agreed, but named no message."), _LOOK_FIRST)),
    "undocumented_error": (_("The provider reports an error that its document does not know."), _LOOK_FIRST),
    "no_entry": (_("The provider's answer does not mention this recipient."), _LOOK_FIRST),
    "another_bulk": (_("The provider answered about another sending than was asked for."), _LOOK_FIRST),
    "repeated_ref": (_("The provider gave this message the id of another one."), _LOOK_FIRST),
    "worker_died": (_("The worker ended in the middle of the request."), _LOOK_FIRST),
    "upload_lost": (
        _("The connection broke or took too long before the provider had the file. No message was sent."),
        _("Launch the campaign again: the file is uploaded once more."),
    ),
    "no_file_id": (
        _("The provider took the file, but gave it no id."),
        _("Launch the campaign again: the file is uploaded once more."),
    ),
}

# Never tried: nothing was sent.
_UNSENDABLE: Mapping[str, Words] = {
    "not_iranian_mobile": (
        _("This is no Iranian mobile number, and the provider reaches no others."),
        _("Correct the contact's number, or send from a line of another provider."),
    ),
    "not_international": (
        _("This is no phone number with a country code."),
        _("Correct the contact's number."),
    ),
    "text_too_long": (
        _("The text is longer than this provider takes."),
        _("Shorten it, or send from a line of another provider."),
    ),
    "backtick": (
        _("The text has a backtick (`), which this provider does not take."),
        _("Replace it by another quotation mark."),
    ),
    "empty_text": (_("There was no text to send."), _("Write a text, or give the contact's fields a value.")),
    "text_encoding": (
        _("The text has half a character in it, such as a broken emoji."),
        _("Delete that character and write it anew."),
    ),
    "erased": (_("The contact was erased before its turn came."), _("Nothing has to be done.")),
    **dict.fromkeys(
        ("no_sender", "bad_sender"),
        (
            _("The line's sender does not have the form that the provider takes."),
            _("Correct the line's sender, then let the campaign go on."),
        ),
    ),
    "recipient_count": (
        _("The request named more recipients than the provider takes at once, or none."),
        _("Set fewer recipients a request for the account, then let the campaign go on."),
    ),
    "repeated_number": (_("The request named a number twice."), _TELL),
    "file_extension": (
        _("The provider takes no files of this kind."),
        _("Choose a file of another kind, such as JPG or MP4."),
    ),
    "file_size": (
        _("The file is empty, or larger than the provider takes."),
        _("Choose a smaller file."),
    ),
    "file_gone": (_("The file is no longer on this server."), _("Choose it again, then launch the campaign.")),
    "no_uploads": (_("The provider takes no files."), _("Leave the file out, or send from a Bale line.")),
    "not_offered": (
        _("The provider has no copy buttons, no messages with a password and no times of its own."),
        _("Leave them out, or send from a line of another provider."),
    ),
    "own_recipients": (
        _("The provider sends to its own phonebooks and job categories only."),
        _("Choose the recipients from the provider's lists, or send from another line."),
    ),
    "mixed_audience": (
        _("The provider takes phonebooks or job categories in a request, not both."),
        _("Make a campaign for each."),
    ),
    "audience_parts": (
        _("The campaign chooses nothing from the provider's lists, or more than 100 parts of them."),
        _("Choose fewer parts, or make several campaigns."),
    ),
    **dict.fromkeys(
        ("unknown_operator", "slice", "not_an_id"),
        (
            _("A choice from the provider's lists is not one that it knows."),
            _("Fetch the provider's lists anew, and choose the recipients again."),
        ),
    ),
    "no_such_phonebook": (
        _("The provider has no phonebook with this id any more."),
        _("Fetch the provider's lists anew, and choose the recipients again."),
    ),
    **dict.fromkeys(("no_counts", "no_price"), (_("The provider did not tell what was asked."), _LATER)),
    **dict.fromkeys(("status_ids", "page_size", "no_status_call", "no_outbox", "no_search"), _OWN_FAULT),
    **dict.fromkeys(("no_idempotency_key", "send_time_without_zone"), _OWN_FAULT),
}

# Of the account itself.
_ACCOUNT: Mapping[str, Words] = {
    "invalid_request": (
        _("No request can be made: the base URL or the key has a character that is not allowed, or the file is gone."),
        _("Correct the base URL, save the key anew, or choose the file again."),
    ),
    "UndecryptableSecret": (
        _("The encryption keys of this installation do not open the account's key."),
        _("Put the former key back into FIELD_ENCRYPTION_KEYS, or save the account's key anew."),
    ),
    "UnknownProvider": (
        _("This installation does not know the account's provider."),
        _("Install the version that the account was made with, or make a new account."),
    ),
}

WORDS: Mapping[str, Words] = {**_CONNECTING, **_ANSWERING, **_UNSENDABLE, **_ACCOUNT}


def explain(slug: str, code: str) -> Explanation | None:
    """A code of this provider, or one of ours, in the active language; None where there is nothing to say of it."""
    theirs = codes.PROVIDERS.get(slug, {}).get(code) or codes.HTTP.get(code)
    found = theirs or WORDS.get(code)
    return Explanation(str(found[0]), str(found[1]), theirs is None) if found else None
