"""A campaign's page where it has two lines, or a provider that keeps the recipients: which way messages went, bulks."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from campaigns import lifecycle, ways
from campaigns.delivery import bulks
from campaigns.models import AudienceRule, Batch, Bulk, Campaign, Message
from campaigns.states import BatchStatus
from contacts.models import Contact
from providers.models import SenderLine, Tariff
from providers.sandbox import Sandbox
from tests import builders
from tests.campaigns import lines
from tests.campaigns.screens import exported, exporter, owner

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def client() -> Client:
    return owner()


@pytest.fixture
def sms(sandbox: Sandbox) -> SenderLine:
    return lines.line("najva", sandbox, kind="advertising", window_start=dt.time(0), window_end=dt.time(0))


def bale_first(sandbox: Sandbox, sms: SenderLine, size: int = 40, **fields: Any) -> Campaign:
    """A campaign that went out: about half by Bale, the others by SMS."""
    sandbox.behaviour.not_on_bale = 0.5
    begun = Campaign.objects.count()
    book = builders.phonebook(builders.contacts(size, start=1_000 * begun, first_name="سارا"), name=f"book {begun}")
    bale = SenderLine.objects.filter(account__slug="safir").first() or lines.line("safir", sandbox)
    campaign = builders.running(bale, builders.include(book), fallback_line=sms, **fields)
    for _ in range(4):
        builders.send_all(campaign)
    return builders.refreshed(campaign)


def live(client: Client, campaign: Campaign) -> Any:
    return client.get(f"/campaigns/{campaign.pk}/live/")


def test_the_page_tells_how_many_went_which_way(client: Client, sandbox: Sandbox, sms: SenderLine) -> None:
    campaign = bale_first(sandbox, sms)
    found = live(client, campaign).context["ways"]
    by_sms = Message.objects.filter(account=sms.account).count()
    assert 0 < by_sms < 40
    assert (found.first.accepted, found.first.waiting) == (40 - by_sms, 0)
    assert (found.rest.accepted, found.rest.waiting) == (by_sms, 0)


def test_what_waits_is_told_by_line(client: Client, sandbox: Sandbox, sms: SenderLine) -> None:
    book = builders.phonebook(builders.contacts(6))
    Contact.objects.filter(phone=builders.phone(0)).update(not_on_bale_since=timezone.now())
    bale = lines.line("safir", sandbox)
    campaign = builders.running(bale, builders.include(book), fallback_line=sms)
    found = live(client, campaign).context["ways"]
    assert (found.first.waiting, found.rest.waiting) == (5, 1)
    assert live(client, campaign).context["saving"] is None


@pytest.mark.parametrize(("bale_price", "own"), [(None, None), (300, 300)])
def test_one_text_at_one_price_saves_exactly(
    client: Client, sandbox: Sandbox, sms: SenderLine, bale_price: int | None, own: int | None
) -> None:
    campaign = bale_first(sandbox, sms, text="س" * 100)  # two parts with the suffix
    Tariff.objects.create(line=sms, rial_per_part=1_000)
    if bale_price:
        Tariff.objects.create(line=campaign.line, rial_per_part=bale_price)
    n = live(client, campaign).context["ways"].first.accepted
    saving = live(client, campaign).context["saving"]
    assert (saving.spared, saving.exact) == (2_000 * n, True)
    assert saving.own == (own and 2 * own * n)
    assert saving.rial == 2_000 * n - (2 * own * n if own else 0)


def test_prices_by_operator_are_estimated_from_what_was_sent(sandbox: Sandbox, sms: SenderLine) -> None:
    campaign = bale_first(sandbox, sms)
    Tariff.objects.create(line=sms, operator=1, rial_per_part=900)  # all of the cast are with MCI
    Tariff.objects.create(line=sms, rial_per_part=5_000)
    found = ways.ways(campaign)
    assert found is not None
    saving = ways.saving(campaign, found)
    assert (saving.spared, saving.exact) == (900 * found.first.accepted, False)


def test_texts_of_their_own_are_estimated_from_what_was_sent(sandbox: Sandbox, sms: SenderLine) -> None:
    campaign = bale_first(sandbox, sms, text="سلام {first_name}" + "!" * 60)
    Tariff.objects.create(line=sms, rial_per_part=1_000)
    found = ways.ways(campaign)
    assert found is not None
    assert ways.saving(campaign, found).spared == 2_000 * found.first.accepted


def test_without_a_tariff_nothing_is_made_up(client: Client, sandbox: Sandbox, sms: SenderLine) -> None:
    campaign = bale_first(sandbox, sms)
    response = live(client, campaign)
    assert response.context["saving"].rial is None
    assert "data-saved" not in response.content.decode()


def test_bale_is_never_said_to_deliver(client: Client, sandbox: Sandbox, sms: SenderLine) -> None:
    campaign = bale_first(sandbox, sms)
    context = live(client, campaign).context
    assert (context["tells_delivery"], context["rest_tells"], context["delivered_share"]) == (False, True, 0.0)
    by_bale = Message.objects.filter(account=campaign.line.account).first()
    assert by_bale is not None
    assert client.get(f"/messages/{by_bale.pk}/").context["tells_delivery"] is False
    (row,) = client.get("/campaigns/").context["rows"]
    assert row[-1] is False


def test_a_message_that_went_by_sms_tells_of_its_first_try(client: Client, sandbox: Sandbox, sms: SenderLine) -> None:
    bale_first(sandbox, sms, copy_text="PAIZ40")
    message = Message.objects.filter(account=sms.account)[0]
    response = client.get(f"/messages/{message.pk}/")
    (attempt,) = response.context["attempts"]
    assert attempt.code == "17"
    assert response.context["text"] == "سلام\nلغو11"
    assert response.context["line"] == sms
    assert response.context["batch"].ordinal == 1
    assert "PAIZ40" not in response.content.decode()


def test_the_list_tells_by_which_line_each_message_goes(client: Client, sandbox: Sandbox, sms: SenderLine) -> None:
    campaign = bale_first(sandbox, sms)
    rows = client.get(f"/campaigns/{campaign.pk}/").context["page"].rows
    assert {row.is_fallback for row in rows} == {True, False}
    head, *found = exported(exporter(), campaign)
    assert len(found) == 40
    by_sms = [row for row in found if row[3] == str(sms)]
    assert len(by_sms) == Message.objects.filter(account=sms.account).count()
    assert {row[-1] for row in by_sms} == {"سلام\nلغو11"}
    assert {row[9].partition(" ")[0] for row in by_sms} == {"17"}
    assert {len(row) for row in found} == {len(head)}


def test_an_unclear_request_is_counted_on_its_own_line(client: Client, sandbox: Sandbox, sms: SenderLine) -> None:
    campaign = bale_first(sandbox, sms)
    Batch.objects.filter(number__gte=Batch.FALLBACK_FROM).update(status=BatchStatus.UNKNOWN, unclear=F("size"))
    Message.objects.filter(account=sms.account).update(status=30)
    campaign.counts.filter(status=40).update(status=30)
    ((batch, *_rest),) = live(client, campaign).context["unclear_rows"]
    assert (batch.ordinal, batch.line) == (1, sms)


def test_the_page_asks_as_often_for_eighty_messages_as_for_eight(
    client: Client, sandbox: Sandbox, sms: SenderLine, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    Tariff.objects.create(line=sms, operator=1, rial_per_part=900)
    few, many = bale_first(sandbox, sms, 8), bale_first(sandbox, sms, 80)
    for campaign in (few, many):
        client.get(f"/campaigns/{campaign.pk}/live/")
        with django_assert_num_queries(QUERIES[connection.vendor]):
            client.get(f"/campaigns/{campaign.pk}/live/")


# Session, user, campaign, two of permissions, counts, timeline, batches by line, tariffs and sample twice, tallies; and
# PostgreSQL is asked what time it is.
QUERIES = {"sqlite": 13, "postgresql": 14}


def followed(sandbox: Sandbox, state: int, rounds: int = 1) -> Campaign:
    """A campaign to 20 numbers of the provider's, whose request ended in this state there."""
    sandbox.behaviour.sent_after = sandbox.behaviour.final_after = 0.0
    sandbox.behaviour.bulk_ends = state
    rule = AudienceRule(kind="provider", params={"phonebooks": ["123654"], "size": 20})
    campaign = builders.running(lines.line("ippanel", sandbox), rule)
    builders.send_all(campaign)
    for _ in range(rounds):
        for pk in Bulk.objects.filter(poll_at__isnull=False).values_list("pk", flat=True):
            Bulk.objects.filter(pk=pk).update(poll_at=timezone.now() - dt.timedelta(seconds=1))
            bulks.follow(pk)
    lifecycle.finish(campaign.pk)
    return builders.refreshed(campaign)


def test_recipients_that_are_only_a_number_are_explained(client: Client, sandbox: Sandbox) -> None:
    campaign = followed(sandbox, 6, rounds=0)
    response = client.get(f"/campaigns/{campaign.pk}/")
    assert response.context["unlisted"] == 20
    assert response.context["polls"]
    assert not response.context["page"].rows
    assert 'data-unlisted="20"' in response.content.decode()


def test_a_bulk_that_was_sent_shows_its_figures_by_operator(client: Client, sandbox: Sandbox) -> None:
    campaign = followed(sandbox, 6)
    (bulk,) = live(client, campaign).context["bulks"]
    assert bulk.bulk.state == "sent"
    assert sum(sum(numbers) for _fate, numbers in bulk.rows) == 20
    assert live(client, campaign).context["unlisted"] == 0


@pytest.mark.parametrize("state", [3, 4, 8, 9])
def test_a_bulk_that_ended_unsent_is_an_error_with_its_explanation(
    client: Client, sandbox: Sandbox, state: int
) -> None:
    campaign = followed(sandbox, state)
    context = live(client, campaign).context
    (notice,) = context["bulk_notices"]
    assert (notice.level, notice.code) == ("error", f"state-{state}")
    assert notice.explained.next_step
    assert context["never_listed"]
    assert not context["polls"]


def test_a_bulk_that_waits_for_approval_keeps_the_page_fresh(client: Client, sandbox: Sandbox) -> None:
    campaign = followed(sandbox, 1, rounds=2)
    context = live(client, campaign).context
    (notice,) = context["bulk_notices"]
    assert (notice.level, notice.explained is not None) == ("info", True)
    assert context["polls"]


def test_figures_by_unknown_words_are_shown_as_they_were_said(client: Client, sandbox: Sandbox) -> None:
    campaign = followed(sandbox, 6)
    Bulk.objects.update(counts={"odd.mars": 3, "delivered.mci": 1, "plain": 2})
    (bulk,) = live(client, campaign).context["bulks"]
    assert ("odd", [0, 3]) in bulk.rows
    assert bulk.operators[-1] == "mars"
