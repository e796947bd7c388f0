"""Configuration of the ``contacts`` app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ContactsConfig(AppConfig):
    """The ``contacts`` app."""

    name = "contacts"
    verbose_name = _("Contacts")

    def ready(self) -> None:
        """Register the kinds of bulk actions."""
        from contacts.bulk import acting, books, exporting, splitting  # noqa: F401
        from contacts.importing import undoing  # noqa: F401
