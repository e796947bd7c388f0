"""The site itself: admin, roles, checks that concern the whole deployment."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.db.models.signals import post_migrate


class ProjectConfig(AppConfig):
    """Holds the template tags, the checks and the roles of the project."""

    name = "project"

    def ready(self) -> None:
        """Have the roles made with the tables."""
        from project import roles

        post_migrate.connect(roles.make_after_migrating, dispatch_uid="roles")


class ChaparAdminConfig(AdminConfig):
    """The stock admin under our own site class."""

    default_site = "project.admin_site.ChaparAdminSite"
