"""Every address asks each role for the permission that the table says, and for no other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from project import roles
from project.access import ASKED, Asked

pytestmark = pytest.mark.django_db
# Without a sign-in, or with permissions that hang on what is asked for: tested where they are.
ELSEWHERE = {"login", "logout", "set_language", "health", "webhook"}
BY_WORD = {"campaigns:control", "campaigns:approval", "contacts:act", "contacts:bulk_cancel", "campaigns:file"}
BY_WORD |= {"contacts:export_download"}  # by what is in the file
SAMPLES: dict[str, Any] = {"pk": 999, "line_pk": 999, "contact_id": 999, "account_id": 999, "token": "x"}
WORDS = {"answer": "nothing", "action": "pause", "word": "approve", "step": "text"}


def addresses() -> Iterator[tuple[str, str]]:
    """The name and a sample of every address of ours but the admin's."""

    def walk(patterns: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
        for pattern in patterns:
            if isinstance(pattern, URLResolver):
                if pattern.namespace != "admin":
                    name = f"{pattern.namespace}:" if pattern.namespace else ""
                    yield from walk(pattern.url_patterns, prefix + name)
            elif isinstance(pattern, URLPattern) and pattern.name:
                values = {**SAMPLES, **WORDS}
                wanted = {name: values[name] for name in pattern.pattern.converters}
                yield prefix + pattern.name, reverse(prefix + pattern.name, kwargs=wanted)

    return walk(get_resolver().url_patterns)


@pytest.fixture(params=["", *roles.LABELS])
def somebody(request: pytest.FixtureRequest) -> User:
    user = User.objects.create_user("somebody", password="irrelevant")
    user.groups.set(Group.objects.filter(name=request.param))
    return user


@pytest.mark.parametrize("method", ["get", "post"])
def test_each_address_asks_for_what_the_table_says(somebody: User, method: str) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(somebody)
    wrong = []
    for name, address in addresses():
        if name in ELSEWHERE | BY_WORD:
            continue
        asked = ASKED.get(name, Asked())
        permission = asked.look if method == "get" else asked.change
        answer = getattr(client, method)(address)
        if answer.status_code == 405:
            continue
        allowed = answer.status_code != 403
        if allowed != (not permission or somebody.has_perm(permission)):
            wrong.append((name, permission, answer.status_code))
    assert not wrong


def test_nobody_looks_without_signing_in() -> None:
    for name, address in addresses():
        if name not in ELSEWHERE:
            answer = Client().get(address)
            assert answer.status_code in (302, 405), name
