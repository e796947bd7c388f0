"""PostgreSQL: what sending, recording and the pages ask for is found, not searched for, beside many other messages."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from campaigns.models import Campaign
from campaigns.sending import dispatch, headcount, owners
from campaigns.sending.claiming import Claim, claim
from campaigns.states import CampaignStatus
from providers.sandbox import Sandbox
from tests import builders
from tests.campaigns.screens import owner

LARGE = "campaigns_message|campaigns_batch|campaigns_deliveryevent|campaigns_providerref"
OTHERS = """
    INSERT INTO campaigns_message (campaign_id, phone, batch_number, status, reason, account_id, provider_ref,
                                   provider_code, provider_text, updated_at)
    SELECT 900000 + i / 10000, 989000000000 + i, i / 10, 60, 0, 900000, 'r' || i, '10', '', now()
    FROM generate_series(1, 20000) AS i;
    INSERT INTO campaigns_providerref (account_id, ref, message_id)
    SELECT account_id, provider_ref, id FROM campaigns_message WHERE campaign_id >= 900000;
    INSERT INTO campaigns_deliveryevent (account_id, provider_ref, report, code, words, source, received_at, result,
                                         tries)
    SELECT account_id, ref, 'delivered', '10', '', 'webhook', now(), 1, 1 FROM campaigns_providerref;
"""
THEIR_BATCHES = """
    INSERT INTO campaigns_batch (campaign_id, line_id, number, status, first_message_id, last_message_id, size, pending,
                                 accepted, unlisted, unlisted_status, owner, attempt, repeats, doubts, code, words,
                                 anomalies, poll_round, claimed_at, settled_at)
    SELECT %s + i / 50, %s, i, 40, 1, 1, 1, 0, 1, 0, 10, 'w', 1, 0, 0, '', '', '{}', 0, past, past
    FROM generate_series(0, 4999) AS i, (SELECT now() - interval '40 days' AS past) AS days
"""


@pytest.fixture
def campaign(sandbox: Sandbox) -> Campaign:
    """A campaign of 40,000 whose pilot has been sent, beside a hundred that are over, and the messages of two."""
    if connection.vendor != "postgresql":
        pytest.skip("plans are PostgreSQL's")
    found = builders.campaign_of(sandbox, 40_000, batch_size=1_000)
    then = timezone.now() - dt.timedelta(days=40)
    facts = {"status": CampaignStatus.COMPLETED, "audience": 50, "started_at": then, "finished_at": then}
    over = Campaign.objects.bulk_create(
        Campaign(name=f"over {n}", line=found.line, text="t", **facts) for n in range(100)
    )
    with connection.cursor() as cursor:
        cursor.execute(OTHERS)
        cursor.execute(THEIR_BATCHES, [over[0].pk, found.line_id])
        cursor.execute("ANALYZE")
    send_next(found)  # the pilot
    return found


def send_next(campaign: Campaign) -> None:
    """Claim the next batch and send it."""
    step = claim(campaign.pk, owners.this_process())
    assert isinstance(step, Claim)
    dispatch.send(step)


def plans_during(action: Callable[[], Any]) -> dict[str, str]:
    """The plan of each statement that runs meanwhile."""
    found: dict[str, str] = {}

    def explain(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if not many and sql.lstrip().startswith(("SELECT", "UPDATE", "INSERT")):
            with connection.connection.cursor() as cursor:
                cursor.execute("EXPLAIN " + sql, params)
                found[sql] = "\n".join(row[0] for row in cursor.fetchall())
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explain):
        action()
    return found


def searched(plans: dict[str, str]) -> list[str]:
    """The statements that read one of the large tables from end to end."""
    return [sql for sql, plan in plans.items() if re.search(rf"Seq Scan on ({LARGE})\b", plan)]


@pytest.mark.django_db(transaction=True)
def test_a_batch_is_claimed_sent_and_recorded_without_a_search(campaign: Campaign) -> None:
    plans = plans_during(lambda: send_next(campaign))
    assert builders.counts(campaign) == {"accepted": 1_002, "pending": 38_998}
    assert any("UPDATE campaigns_message" in sql for sql in plans)
    assert not searched(plans)


@pytest.mark.django_db(transaction=True)
def test_the_pages_of_a_campaign_find_what_they_show(campaign: Campaign) -> None:
    send_next(campaign)
    client, at = owner(), f"/campaigns/{campaign.pk}/"
    middle = (campaign.first_message_id or 0) + 500
    queries = ["", "live/", f"?after={middle}", f"?before={middle}", "?status=accepted", f"?q=0{builders.phone(7)[3:]}"]
    for address in ["/", "/campaigns/", *[at + query for query in queries], f"/messages/{middle}/"]:
        plans = plans_during(lambda address=address: client.get(address))  # type: ignore[misc]
        assert plans, address
        assert not searched(plans), address


@pytest.mark.django_db(transaction=True)
def test_the_operators_of_a_whole_phonebook_are_counted_in_the_order_of_the_keys(campaign: Campaign) -> None:
    plans = plans_during(lambda: headcount.by_operator(campaign, 40_000))
    (plan,) = (plan for sql, plan in plans.items() if 'COUNT("contacts_contact"' in sql)
    assert not re.search("Hash (Semi )?Join", plan)


@pytest.mark.django_db
def test_nothing_that_an_update_of_a_message_writes_is_in_an_index() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("updates in place are PostgreSQL's")
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE tablename = 'campaigns_message'")
        indexes = " ".join(row[0] for row in cursor.fetchall())
    assert "campaign_id, phone" in indexes
    for column in ("status", "reason", "account_id", "provider_ref", "provider_code", "provider_text", "cost"):
        assert column not in indexes
