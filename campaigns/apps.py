"""Configuration of the ``campaigns`` app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CampaignsConfig(AppConfig):
    """The ``campaigns`` app."""

    name = "campaigns"
    verbose_name = _("Campaigns")

    def ready(self) -> None:
        """Register the system checks and what is known of people, and listen for ticks that were put away."""
        from django_q.signals import post_execute

        # SQLite learns to fold letters; bulk actions, to export messages.
        from campaigns import checks, exporting, people, ringing, segmenting  # noqa: F401
        from contacts import elsewhere

        post_execute.connect(ringing.acknowledged)
        elsewhere.register(people.People())
