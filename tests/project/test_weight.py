"""What a first visit loads, as it goes over the wire: pages in gzip, scripts and styles in Brotli, fonts as is."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import brotli
import pytest
from django.conf import LazySettings
from django.contrib.staticfiles import finders
from django.test import Client
from django.urls import reverse

from campaigns.models import Campaign
from tests import builders

pytestmark = pytest.mark.django_db

LINKED = re.compile(r"""(?:href|src)="/static/([^"]+)\"""")
CHART = "vendor/chart.umd.min.js"
MOST, MOST_WITH_CHARTS = 250_000, 350_000  # bytes
FONTS = {"fa": ["vazirmatn-wght"], "en": ["inter-latin"], "ru": ["inter-latin", "inter-cyrillic"]}


@pytest.fixture
def campaign() -> Campaign:
    book = builders.phonebook(builders.contacts(30, first_name="سارا"), name="مشتریان")
    return builders.running(builders.line(builders.account()), builders.include(book))


def weight(name: str) -> int:
    """Bytes of a static file as WhiteNoise sends it."""
    found = Path(str(finders.find(name)))
    content = found.read_bytes()
    return len(content) if found.suffix == ".woff2" else len(brotli.compress(content))


@pytest.mark.parametrize("language", sorted(FONTS))
@pytest.mark.parametrize("page", ["dashboard", "campaigns:compose", "campaigns:detail", "contacts:list"])
def test_a_first_visit_is_light(
    admin_client: Client, campaign: Campaign, settings: LazySettings, page: str, language: str
) -> None:
    admin_client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
    address = reverse(page, args=[campaign.pk] if page == "campaigns:detail" else [])
    answer = admin_client.get(address, headers={"accept-encoding": "gzip"})
    assert answer["Content-Encoding"] == "gzip"
    linked = set(LINKED.findall(gzip.decompress(answer.content).decode()))
    assert {"css/app.css", "vendor/htmx.min.js"} <= linked
    linked |= {f"vendor/fonts/{font}.woff2" for font in FONTS[language]}
    bytes_in_all = len(answer.content) + sum(map(weight, linked))
    assert bytes_in_all <= (MOST_WITH_CHARTS if CHART in linked else MOST), bytes_in_all
