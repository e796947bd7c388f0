"""A cast that fills every kind of page, and a walk over all pages that links lead to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

from django.test import Client

from campaigns import approving, lifecycle
from campaigns.models import AudienceRule
from contacts import suppressions
from contacts.models import Suppression
from tests import builders

_LINK = re.compile(r'(?:href|hx-get|action|hx-post)="([^"#]+)')
_FORM = re.compile(r'<form[^>]*method="post"[^>]*>', re.DOTALL)
_ACTION = re.compile(r'action="([^"]+)"')


class Page(NamedTuple):
    """A page as it was answered: where it is, and what it says."""

    address: str
    body: str

    @property
    def links(self) -> set[str]:
        """The addresses of this site that it leads to."""
        found = (urljoin(self.address, link.replace("&amp;", "&")) for link in _LINK.findall(self.body))
        return {link for link in found if link.startswith("/") and not link.startswith(("/static/", "/admin/"))}

    @property
    def forms(self) -> set[str]:
        """The addresses that its forms are sent to."""
        tags = _FORM.findall(self.body)
        found = [action[1] if (action := _ACTION.search(tag)) else self.address for tag in tags]
        return {urlsplit(urljoin(self.address, link)).path for link in found}


def cast() -> list[str]:
    """Contacts without names, a campaign of each kind, suppressions; the whole numbers that stand in them."""
    people = builders.contacts(4)
    book = builders.phonebook(people)
    over = builders.line(builders.account())
    numbers = AudienceRule(kind=AudienceRule.Kind.NUMBERS, params={"numbers": [builders.phone(7)]})
    out = AudienceRule(rule="exclude", phonebook=builders.phonebook(people[:2], name="left out"))
    suppress: dict[str, Any] = {"scope": Suppression.Scope.ALL, "reason": "manual", "source": "manual"}
    suppressions.suppress([builders.phone(3), builders.phone(9)], **suppress)
    builders.running(over, builders.include(book), out)
    builders.draft(over, builders.include(book), numbers)
    approving.submit(builders.draft(over, builders.include(book)).pk)
    lifecycle.pause(builders.running(over, builders.include(book)).pk)
    return [builders.phone(number) for number in (0, 1, 2, 3, 7, 9)]


def pages(client: Client, start: str = "/", most: int = 400) -> Iterator[Page]:
    """Every page that links lead to from the dashboard, each once but for its query; nothing is sent."""
    waiting, seen = [start], {start}
    while waiting and len(seen) < most:
        address = waiting.pop(0)
        answer = client.get(address)
        kind = answer.headers.get("Content-Type", "")
        if answer.status_code in (301, 302) or answer.streaming or "html" not in kind:
            continue
        page = Page(address, answer.content.decode())
        yield page
        for link in sorted(page.links):
            if link not in seen and "/logout/" not in link:
                seen.add(link)
                waiting.append(link)
