"""The admin site: the stock one with our name on it."""

from django.contrib.admin import AdminSite
from django.utils.translation import gettext_lazy as _


class ChaparAdminSite(AdminSite):
    """Django's admin under Chapar's name."""

    site_header = _("Chapar")
    site_title = _("Chapar")
    index_title = _("Administration")
