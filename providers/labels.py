"""The words of the backends for makemessages: they may not import Django, so their msgids are marked here.

Nothing imports this module; a test says that every provider's label and credentials are listed.
"""

from __future__ import annotations

from django.utils.translation import gettext_noop

LABELS = frozenset({gettext_noop("Najva"), gettext_noop("Bale Safir"), gettext_noop("IPPanel Edge")})
CREDENTIAL_LABELS = frozenset({gettext_noop("API token"), gettext_noop("API access key"), gettext_noop("Token")})
