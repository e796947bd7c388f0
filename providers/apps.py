"""Configuration of the ``providers`` app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ProvidersConfig(AppConfig):
    """The ``providers`` app."""

    name = "providers"
    verbose_name = _("Providers")

    def ready(self) -> None:
        from providers import checks  # noqa: F401 - registers them
