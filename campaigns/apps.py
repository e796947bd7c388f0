"""Configuration of the ``campaigns`` app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CampaignsConfig(AppConfig):
    """The ``campaigns`` app."""

    name = "campaigns"
    verbose_name = _("Campaigns")

    def ready(self) -> None:
        """Register the system checks."""
        from campaigns import checks  # noqa: F401
