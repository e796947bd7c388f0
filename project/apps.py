"""The site itself: admin, checks that concern the whole deployment."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class ProjectConfig(AppConfig):
    """Holds the template tags and the checks of the project."""

    name = "project"


class ChaparAdminConfig(AdminConfig):
    """The stock admin under our own site class."""

    default_site = "project.admin_site.ChaparAdminSite"
