"""What each role finds on the pages that links lead to: no hidden number, and no control that is not theirs."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import Resolver404, resolve

from project import roles
from project.access import ASKED, Asked
from tests.project import crawling

pytestmark = pytest.mark.django_db


def somebody(role: str) -> tuple[User, Client]:
    user = User.objects.create_user(f"some {role}", password="irrelevant")
    user.groups.set(Group.objects.filter(name=role))
    client = Client()
    client.force_login(user)
    return user, client


def test_a_viewer_finds_no_whole_number_on_any_page() -> None:
    numbers = crawling.cast()
    _user, client = somebody(roles.VIEWER)
    pages = list(crawling.pages(client))
    assert len(pages) > 30
    # In any form: with the country's code, with a zero, or with neither.
    found = [(page.address, number) for page in pages for number in numbers if number[3:] in page.body]
    assert not found


def test_the_crawl_would_find_whole_numbers() -> None:
    numbers = crawling.cast()
    _user, client = somebody(roles.ADMINISTRATOR)
    bodies = "".join(page.body for page in crawling.pages(client))
    assert all(number[3:] in bodies for number in numbers)


@pytest.mark.parametrize("typed", ["091200000", "0912", "+98912000000", "98912000000"])
def test_a_part_of_a_number_finds_nobody_where_numbers_are_hidden(typed: str) -> None:
    crawling.cast()
    _user, viewer = somebody(roles.VIEWER)
    _owner, administrator = somebody(roles.ADMINISTRATOR)
    for address in ("/contacts/", "/suppressions/"):
        assert administrator.get(address, {"q": typed}).context["page"].rows
        assert not viewer.get(address, {"q": typed}).context["page"].rows
        assert viewer.get(address, {"q": "09120000003"}).context["page"].rows


@pytest.mark.parametrize("role", ["", *roles.LABELS])
def test_no_page_shows_a_control_that_its_reader_may_not_use(role: str) -> None:
    crawling.cast()
    user, client = somebody(role)
    wrong = set()
    for page in crawling.pages(client):
        wanted = [(link, asked(link).look) for link in page.links] + [(it, asked(it).change) for it in page.forms]
        wrong |= {(page.address, link, name) for link, name in wanted if name and not user.has_perm(name)}
    assert not wrong, sorted({(urlsplit(link).path, name) for _page, link, name in wrong})


def asked(link: str) -> Asked:
    try:
        return ASKED.get(resolve(urlsplit(link).path).view_name, Asked())
    except Resolver404:
        return Asked()
