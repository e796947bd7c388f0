"""The review of a draft: what a provider that keeps the recipients says of it, and what goes out by SMS beside Bale."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.fixtures import Settings

from campaigns import reporting
from campaigns.models import AudienceRule, Campaign
from contacts.models import Contact, Phonebook
from providers.models import ProviderAccount, SenderLine, Tariff
from providers.sandbox import Sandbox
from tests import builders
from tests.campaigns import lines
from tests.campaigns.screens import client_of, owner

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Client:
    return owner()


def kept(line: SenderLine, params: dict[str, Any] | None = None) -> Campaign:
    rule = AudienceRule(kind="provider", params=params or {"main": 1, "sub": 2})
    return builders.draft(line, rule)


def asked(client: Client, campaign: Campaign, query: str = "?dialog") -> Any:
    response = client.get(f"/campaigns/{campaign.pk}/quote/{query}")
    assert response.status_code == 200
    return response


def test_the_page_does_not_wait_for_the_provider(client: Client) -> None:
    campaign = kept(lines.line("ippanel"))  # nothing listens there
    page = client.get(f"/campaigns/{campaign.pk}/").content.decode()
    assert f'hx-get="/campaigns/{campaign.pk}/quote/?dialog" hx-trigger="load"' in page
    assert 'id="launch-says"' in page


def test_the_providers_count_and_price_are_told_and_said_before_the_launch(client: Client, sandbox: Sandbox) -> None:
    response = asked(client, kept(lines.line("ippanel", sandbox)))
    quote = response.context["quote"]
    assert quote.recipients == sum(share.recipients for share in response.context["shares"]) > 0
    assert quote.least is not None
    page = response.content.decode()
    assert 'id="launch-says" hx-swap-oob' in page
    assert f'data-recipients="{quote.recipients}"' in page


def test_without_a_dialog_on_the_page_none_is_changed(client: Client, sandbox: Sandbox) -> None:
    page = asked(client, kept(lines.line("ippanel", sandbox)), "").content.decode()
    assert "launch-says" not in page


def test_a_credit_that_does_not_suffice_is_told(client: Client, sandbox: Sandbox) -> None:
    line = lines.line("ippanel", sandbox)
    for credit, too_little in ((10, True), (10**12, False)):
        ProviderAccount.objects.update(credit=credit, checked_at=timezone.now())
        assert asked(client, kept(line)).context["too_little"] == too_little


def test_what_keeps_the_provider_from_telling_is_explained(client: Client) -> None:
    response = asked(client, kept(lines.line("ippanel")))
    refusal = response.context["refusal"]
    assert refusal.code == "connection_refused"
    assert refusal.explained.meaning
    assert 'hx-target="#quote"' in response.content.decode()  # the button that asks again


def test_a_refused_token_is_told_with_the_providers_own_words(client: Client, sandbox: Sandbox) -> None:
    sandbox.behaviour.tokens = ["another"]
    refusal = asked(client, kept(lines.line("ippanel", sandbox))).context["refusal"]
    assert refusal.code
    assert refusal.words


def test_credentials_that_cannot_be_opened_are_told(client: Client, settings: Settings) -> None:
    campaign = kept(lines.line("ippanel"))
    settings.FIELD_ENCRYPTION_KEYS = ["A" * 43 + "="]
    assert asked(client, campaign).context["refusal"].code == "UndecryptableSecret"


def test_a_phonebook_that_is_not_there_is_told(client: Client, sandbox: Sandbox) -> None:
    campaign = kept(lines.line("ippanel", sandbox), {"phonebooks": ["99999"]})
    assert asked(client, campaign).context["refusal"].explained is not None


def test_without_script_the_page_asks_at_once(client: Client, sandbox: Sandbox) -> None:
    campaign = kept(lines.line("ippanel", sandbox))
    assert client.get(f"/campaigns/{campaign.pk}/?quote").context["quote"].recipients > 0


def test_only_drafts_whose_provider_keeps_the_recipients_are_asked_about(client: Client) -> None:
    campaign = builders.draft(builders.line(builders.account()), builders.include(builders.phonebook([])))
    assert client.get(f"/campaigns/{campaign.pk}/quote/").status_code == 404
    assert client.get("/campaigns/99/quote/").status_code == 404
    assert Client().get(f"/campaigns/{campaign.pk}/quote/").status_code == 302


def test_the_rules_are_told_by_the_mirrors_names(client: Client) -> None:
    line = lines.line("ippanel")
    Phonebook.objects.create(account=line.account, provider_ref="7", name="همایش", size=48)
    campaign = kept(line, {"phonebooks": ["7", "8"], "size": 20})
    (said,) = client_of("teammate").get(f"/campaigns/{campaign.pk}/").context["rules"]
    assert said.names == ["همایش", "8"]
    assert "۲۰" in said.facts


@pytest.fixture
def bale_first() -> Campaign:
    sms = builders.line(builders.account(), kind="advertising")
    Tariff.objects.create(line=sms, rial_per_part=1_250)
    book = builders.phonebook(builders.contacts(4))
    options: dict[str, Any] = {"fallback_line": sms, "copy_text": "PAIZ40", "is_secure": True}
    return builders.draft(lines.line("safir"), builders.include(book), **options)


def test_the_review_shows_the_sms_for_the_rest_and_what_it_costs_at_most(client: Client, bale_first: Campaign) -> None:
    Contact.objects.filter(phone=builders.phone(0)).update(not_on_bale_since=timezone.now())
    rest = client.get(f"/campaigns/{bale_first.pk}/").context["rest"]
    assert rest.text == "سلام\nلغو11"
    assert (rest.absent, rest.least, rest.most, rest.at_most) == (1, 1_250, 1_250, 5_000)


def test_the_price_of_an_sms_depends_on_the_operator(client: Client, bale_first: Campaign) -> None:
    Contact.objects.filter(phone=builders.phone(0)).update(operator=1)
    Tariff.objects.create(line=SenderLine.objects.get(channel="sms"), operator=1, rial_per_part=900)
    rest = client.get(f"/campaigns/{bale_first.pk}/").context["rest"]
    assert (rest.least, rest.most, rest.at_most) == (900, 1_250, 4_650)


def test_without_a_tariff_no_price_is_made_up(client: Client, bale_first: Campaign) -> None:
    Tariff.objects.all().delete()
    rest = client.get(f"/campaigns/{bale_first.pk}/").context["rest"]
    assert (rest.least, rest.most, rest.at_most) == (None, None, None)


def test_the_review_shows_the_button_and_the_lock(client: Client, bale_first: Campaign) -> None:
    page = client.get(f"/campaigns/{bale_first.pk}/").content.decode()
    assert page.count("PAIZ40") == 1  # with the one text that is shown; the SMS has none


def test_the_review_asks_as_often_for_forty_recipients_as_for_four(client: Client, bale_first: Campaign) -> None:
    book = builders.phonebook(builders.contacts(40, start=500), name="many")
    many = builders.draft(bale_first.line, builders.include(book), fallback_line=bale_first.fallback_line)
    asked = []
    for campaign in (bale_first, many):
        client.get(f"/campaigns/{campaign.pk}/")
        with CaptureQueriesContext(connection) as queries:
            client.get(f"/campaigns/{campaign.pk}/")
        asked.append(len(queries))
    assert asked[0] == asked[1] > 0


def test_the_recipients_whose_texts_stand_for_all_are_fetched_once(client: Client) -> None:
    book = builders.phonebook(builders.contacts(4))
    draft = builders.draft(builders.line(builders.account()), builders.include(book), text="سلام {first_name|دوست}")
    with CaptureQueriesContext(connection) as captured:
        response = client.get(f"/campaigns/{draft.pk}/")
    fetched = [each["sql"] for each in captured if '"contacts_contact"."first_name"' in each["sql"]]
    assert len([sql for sql in fetched if sql.endswith(f"LIMIT {reporting.SAMPLE}")]) == 1
    assert [advice.code for advice in response.context["advice"]] == ["often_blank"]
