"""What every page is made of: icons that are there, and pages that say so when something broke."""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.template import loader
from django.test import Client
from django.utils import timezone, translation

from campaigns.models import Campaign, StatusCount
from campaigns.states import CampaignStatus, MessageStatus
from tests.campaigns.screens import campaign_in

TEMPLATES = sorted((settings.BASE_DIR / "templates").rglob("*.html"))
NAMED = re.compile(r"""\{% icon "([a-z0-9-]+)"|icon_name="([a-z0-9-]+)\"""")
VENDORED = set(json.loads((settings.BASE_DIR / "frontend" / "icons.json").read_text()))


def relative(path: Path) -> str:
    return str(path.relative_to(settings.BASE_DIR / "templates"))


@pytest.mark.parametrize("path", TEMPLATES, ids=relative)
def test_every_icon_of_a_template_is_vendored(path: Path) -> None:
    named = {first or second for first, second in NAMED.findall(path.read_text())}
    assert named <= VENDORED


def test_every_vendored_icon_has_its_file() -> None:
    files = {path.stem for path in (settings.BASE_DIR / "static" / "vendor" / "icons").glob("*.svg")}
    assert files == VENDORED


@pytest.mark.parametrize("path", TEMPLATES, ids=relative)
def test_no_template_needs_what_the_content_security_policy_forbids(path: Path) -> None:
    forbidden = re.compile(r"""\sstyle=|\son[a-z]+=["']|hx-on|javascript:|<style|<script(?![^>]*\ssrc=)[^>]*>""")
    markup = re.sub(r"\{%.*?%\}", "", path.read_text(), flags=re.DOTALL)
    assert forbidden.search(markup) is None


@pytest.mark.parametrize("path", TEMPLATES, ids=relative)
def test_no_plural_counts_by_a_name_that_it_writes_over(path: Path) -> None:
    # {% blocktranslate count counter=rate with rate=rate|num %}: by then the counter is words, which is an error.
    overwritten = re.compile(r"""\{%\s*blocktranslate\s[^%]*?\bcount\s+\w+=(\w+)[^%]*?\s\1=""")
    assert overwritten.search(path.read_text()) is None


@pytest.mark.parametrize("code", ["400", "403", "404", "500"])
@pytest.mark.parametrize(("language", "direction"), [("fa", "rtl"), ("en", "ltr")])
def test_an_error_is_told_in_the_readers_language(code: str, language: str, direction: str) -> None:
    with translation.override(language):
        page = loader.get_template(f"{code}.html").render()
    assert page.startswith("<!doctype html>")
    assert f'<html lang="{language}" dir="{direction}"' in " ".join(page.split())
    assert f">{code}</p>" in page


@pytest.mark.django_db
def test_an_unknown_address_is_told_in_the_language_of_the_cookie(client: Client) -> None:
    client.force_login(User.objects.create_user("reader"))
    client.cookies["django_language"] = "en"
    response = client.get("/nowhere/")
    assert (response.status_code, "There is no such page." in response.content.decode()) == (404, True)
    assert 'lang="en" dir="ltr"' in response.content.decode()


@pytest.mark.django_db
def test_no_part_of_a_page_becomes_the_sign_in_page(client: Client) -> None:
    asked = client.get("/", headers={"HX-Request": "true"})
    assert (asked.content, asked.headers["HX-Refresh"]) == (b"", "true")
    typed = client.post("/campaigns/preview/", {"text": "dear"}, headers={"HX-Request": "true"})
    assert typed.status_code == 200
    assert b'role="alert"' in typed.content
    assert b"password" not in typed.content
    assert client.get("/").headers["Location"].startswith("/login/")


@pytest.mark.django_db
def test_a_wrong_value_is_named_where_its_error_stands(client: Client) -> None:
    client.force_login(User.objects.create_superuser("root"))
    page = client.post("/phonebooks/", {"name": ""}).content.decode()
    assert 'aria-describedby="id_name_error"' in page
    assert 'id="id_name_error"' in page


@pytest.mark.django_db
def test_the_dashboard_adds_up_the_cost_of_todays_campaigns(client: Client) -> None:
    today, before = (campaign_in(CampaignStatus.RUNNING) for _ in range(2))
    now = timezone.now()
    for campaign, started, rial in ((today, now, 4_350), (before, now - dt.timedelta(days=2), 99_000)):
        Campaign.objects.filter(pk=campaign.pk).update(started_at=started)
        StatusCount.objects.update_or_create(
            campaign=campaign, status=MessageStatus.ACCEPTED, defaults={"messages": 3, "cost": rial}
        )
    client.force_login(User.objects.create_user("reader"))
    assert client.get("/").context["today"]["cost"] == 4_350
