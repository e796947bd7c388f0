"""Which permission each address asks for: what the page of a refusal names, held to the views by a test.

An address that is not named here is for everybody who is signed in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from django.http import HttpRequest, HttpResponse, HttpResponseForbidden
from django.shortcuts import render

from campaigns.views.approval import CHANGE, LAUNCH
from project import roles

_IMPORT = "contacts.add_contactimport"
_BOOKS = "contacts.change_phonebook"
_SUPPRESS = "contacts.add_suppression"
_ACCOUNTS = "providers.change_provideraccount"
_SEE = "contacts.see_numbers"


class Asked(NamedTuple):
    """The permission to look, and the one to change; empty where none is asked."""

    look: str = ""
    change: str = ""


def _both(permission: str) -> Asked:
    return Asked(permission, permission)


ASKED: Mapping[str, Asked] = {
    "campaigns:compose": _both("campaigns.add_campaign"),
    "campaigns:preview": Asked(change="campaigns.add_campaign"),
    "campaigns:parts": Asked(change="campaigns.add_campaign"),
    "campaigns:edit": _both(CHANGE),
    "campaigns:step": _both(CHANGE),
    "campaigns:course": Asked(change=CHANGE),
    "campaigns:count": Asked(change="campaigns.add_campaign"),
    "campaigns:clone": _both("campaigns.add_campaign"),
    "campaigns:again": _both("campaigns.add_campaign"),
    "campaigns:test": _both("campaigns.test_campaign"),
    "campaigns:test_sum": _both("campaigns.test_campaign"),
    "campaigns:text_new": _both("campaigns.add_texttemplate"),
    "campaigns:text_keep": Asked(change="campaigns.add_texttemplate"),
    "campaigns:text_edit": _both("campaigns.change_texttemplate"),
    "campaigns:text_delete": Asked(change="campaigns.delete_texttemplate"),
    "campaigns:messages_export": Asked(change="campaigns.export_message"),
    "campaigns:export": Asked(change="campaigns.export_message"),
    "campaigns:count-as-sent": _both(LAUNCH),
    "campaigns:send-again": _both(LAUNCH),
    "campaigns:approvals": _both("campaigns.approve_campaign"),
    "campaigns:segment_new": _both("campaigns.add_segment"),
    "campaigns:segment_edit": _both("campaigns.change_segment"),
    "campaigns:segment_rows": Asked(change="campaigns.add_segment"),
    "campaigns:segment_count": Asked(change="campaigns.add_segment"),
    "campaigns:segment_delete": Asked(change="campaigns.delete_segment"),
    "campaigns:restored": Asked(change=LAUNCH),
    "contacts:contact_new": _both("contacts.add_contact"),
    "contacts:contact": Asked(change="contacts.change_contact"),
    "contacts:contact_delete": Asked(change="contacts.delete_contact"),
    "contacts:export": Asked(change="contacts.export_contact"),
    "contacts:export_download": Asked("contacts.export_contact"),
    "contacts:phonebooks": Asked(change="contacts.add_phonebook"),
    "contacts:phonebook": Asked(change=_BOOKS),
    "contacts:phonebook_organise": _both(_BOOKS),
    "contacts:phonebook_copy": Asked(change=_BOOKS),
    "contacts:phonebook_merge": Asked(change=_BOOKS),
    "contacts:phonebook_split": Asked(change=_BOOKS),
    "contacts:phonebook_delete": Asked(change="contacts.delete_phonebook"),
    "contacts:phonebook_remove": Asked(change=_BOOKS),
    "contacts:numbers_start": Asked(change=_ACCOUNTS),
    "contacts:mirror_start": Asked(change=_ACCOUNTS),
    "contacts:suppression_new": _both(_SUPPRESS),
    "contacts:suppression_lift": _both("contacts.delete_suppression"),
    "contacts:suppression_file_new": _both(_SUPPRESS),
    "contacts:suppression_file_cancel": Asked(change=_SUPPRESS),
    "contacts:categories": Asked(change="contacts.add_jobcategory"),
    "contacts:category": Asked(change="contacts.change_jobcategory"),
    "contacts:category_delete": Asked(change="contacts.delete_jobcategory"),
    "contacts:category_copy": Asked(change="contacts.add_jobcategory"),
    "contacts:import_new": _both(_IMPORT),
    "contacts:import_map": _both(_IMPORT),
    "contacts:import_start": Asked(change=_IMPORT),
    "contacts:import_undo": Asked(change="contacts.delete_contact"),
    "contacts:import_cancel": Asked(change=_IMPORT),
    "contacts:import_issues": _both(_SEE),
    "providers:holidays": _both("providers.change_senderline"),
    "providers:account_new": _both("providers.add_provideraccount"),
    "providers:account_edit": _both(_ACCOUNTS),
    "providers:account_switch": Asked(change=_ACCOUNTS),
    "providers:account_check": Asked(change=_ACCOUNTS),
    "providers:breaker_close": Asked(change=_ACCOUNTS),
    "providers:line_new": _both("providers.add_senderline"),
    "providers:line_edit": _both("providers.change_senderline"),
    "people": _both("auth.view_user"),
    "person_new": _both("auth.add_user"),
    "person": _both("auth.change_user"),
}


def refused(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The page of a refusal: which role has what was asked for."""
    match = request.resolver_match
    asked = ASKED.get(match.view_name, Asked()) if match else Asked()
    said = str(exception)
    permission = said if "." in said and " " not in said else (asked.change if request.method == "POST" else asked.look)
    names = roles.having(permission) if permission else []
    body = render(request, "403.html", {"roles": names}).content
    return HttpResponseForbidden(body)
