"""Who looks, and at what: shared by the tests that drive Chromium."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

# Loaded before the settings are: models can be imported only inside the fixtures.
if TYPE_CHECKING:
    from playwright.sync_api import Page
    from pytest_django.live_server_helper import LiveServer

    from campaigns.models import Campaign


@pytest.fixture
def member(page: Page, live_server: LiveServer) -> Page:
    """A page on which an administrator, modir, is signed in."""
    from django.contrib.auth.models import User

    from tests.browser import steps

    steps.admit(page.context, live_server.url, User.objects.create_superuser("modir"))
    return page


@pytest.fixture
def draft() -> Campaign:
    """A draft to three people named سارا, of the phonebook مشتریان."""
    from tests import builders

    book = builders.phonebook(builders.contacts(3, first_name="سارا"), name="مشتریان")
    return builders.draft(builders.line(builders.account()), builders.include(book), text="سلام {first_name}")
