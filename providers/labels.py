"""The words of the backends for makemessages: they may not import Django, so their msgids are marked here.

Nothing imports this module; a test says that every provider's label and credentials are listed.
"""

from __future__ import annotations

from django.utils.translation import gettext_noop

LABELS = frozenset(
    {gettext_noop("Najva"), gettext_noop("Bale Safir"), gettext_noop("IPPanel Edge"), gettext_noop("GoSMS")}
)
CREDENTIAL_LABELS = frozenset(
    {
        gettext_noop("API token"),
        gettext_noop("API access key"),
        gettext_noop("Token"),
        gettext_noop("Webhook id (callback_id)"),
    }
)
SENDER_HINTS = frozenset(
    {
        gettext_noop("The number of the line, or the id of a Bale bot, in digits."),
        gettext_noop("The numeric id of the Bale bot, in digits."),
        gettext_noop("The line as IPPanel writes it: +98 and then digits or letters, as in +983000505 or +98PRO."),
        gettext_noop("any for whichever phone is free; or the phone's id, with :0 or :1 after it for a SIM slot."),
    }
)
