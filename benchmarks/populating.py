"""What the benchmark of pages reads: a large phonebook, drafts for it, large campaigns and many small ones."""

from __future__ import annotations

from typing import Any

from benchmarks.freeze_audience import fill_phonebook

CAMPAIGNS = 10
SMALL = 5_000  # campaigns that nobody was sent
BATCH = 1_000
DRAFT = "سلام {first_name|مشتری}، حراج پاییز آغاز شد."
MESSAGES = """
    INSERT INTO campaigns_message (campaign_id, contact_id, phone, batch_number, status, reason, account_id,
                                   provider_ref, provider_code, provider_text, cost, updated_at)
    SELECT %(campaign)s, c.id, c.phone, (c.place - 1) / %(batch)s, s.status, 0,
           CASE WHEN s.status > 10 THEN %(account)s END,
           CASE WHEN s.status > 10 THEN CAST(1000000000 * CAST(%(campaign)s AS bigint) + c.id AS text) END,
           '', '', CASE WHEN s.status > 10 THEN 1000 END, now()
    FROM (SELECT id, phone, row_number() OVER (ORDER BY id) AS place FROM contacts_contact ORDER BY id) AS c,
         LATERAL (SELECT CASE WHEN %(sending)s AND c.place > %(rows)s / 10 THEN 10 WHEN c.id %% 50 = 0 THEN 61
                              WHEN c.id %% 10 = 0 THEN 50 ELSE 60 END AS status) AS s
"""
BATCHES = """
    INSERT INTO campaigns_batch (campaign_id, line_id, number, status, first_message_id, last_message_id, size, pending,
                                 accepted, unlisted, unlisted_status, owner, attempt, repeats, doubts, code, words,
                                 anomalies, poll_round, claimed_at, settled_at)
    SELECT campaign_id, %s, batch_number, CASE WHEN min(status) = 10 THEN 10 ELSE 40 END, min(id), max(id), count(*),
           CASE WHEN min(status) = 10 THEN count(*) ELSE 0 END, CASE WHEN min(status) = 10 THEN 0 ELSE count(*) END,
           0, 10, 'w', 1, 0, 0, '', '', '{}', 0, now() - interval '2 hours' + batch_number * interval '1 second',
           now() - interval '2 hours' + (batch_number + 1) * interval '1 second'
    FROM campaigns_message GROUP BY campaign_id, batch_number
"""
COUNTS = """
    INSERT INTO campaigns_statuscount (campaign_id, status, messages, cost)
    SELECT campaign_id, status, count(*), COALESCE(sum(cost), 0) FROM campaigns_message GROUP BY 1, 2
"""
POINTS = """
    INSERT INTO campaigns_timelinepoint (campaign_id, at, status, messages)
    SELECT c.id, date_trunc('minute', now()) - c.age * interval '16 hours' - m * interval '1 minute', s, 1000
    FROM (SELECT id, row_number() OVER (ORDER BY id DESC) AS age FROM campaigns_campaign WHERE audience > 0) AS c,
         generate_series(1, 240) AS m, unnest(ARRAY[40, 50, 60, 61]) AS s
"""
EVENTS = """
    INSERT INTO campaigns_deliveryevent (account_id, provider_ref, report, code, words, source, received_at, result,
                                         tries)
    SELECT account_id, provider_ref, 'delivered', '10', '', 'webhook', now(), 1, 1
    FROM campaigns_message WHERE provider_ref IS NOT NULL
"""
REFS = """
    INSERT INTO campaigns_providerref (account_id, ref, message_id)
    SELECT account_id, provider_ref, id FROM campaigns_message WHERE provider_ref IS NOT NULL
"""
BARRED = """
    INSERT INTO contacts_suppression (phone, scope, reason, note, source, created_at)
    SELECT phone, 'all', 'opt_out', '', 'reply', now() FROM contacts_contact WHERE id % 20 = 0
"""
ENDS = """
    UPDATE campaigns_campaign AS c SET audience = m.n, first_message_id = m.first, last_message_id = m.last
    FROM (SELECT campaign_id, count(*) AS n, min(id) AS first, max(id) AS last FROM campaigns_message GROUP BY 1) AS m
    WHERE m.campaign_id = c.id
"""


def build(url: str, rows: int) -> None:
    """Everything that the pages read; the last campaign has sent a tenth."""
    from django.contrib.auth import get_user_model
    from django.db import connection

    from providers.models import ProviderAccount, SenderLine, Tariff
    from providers.secrets import encrypt

    get_user_model().objects.create_superuser("benchmark")
    fill_phonebook(rows // CAMPAIGNS)
    account = ProviderAccount.objects.create(
        name="benchmark", slug="najva", base_url=url, credentials=encrypt({"api_token": "x"})
    )
    line = SenderLine.objects.create(account=account, sender="1", kind=SenderLine.Kind.SERVICE)
    Tariff.objects.create(line=line, rial_per_part=1_250)
    with connection.cursor() as cursor:
        cursor.execute(BARRED)
        _drafts(line)
        for number in range(CAMPAIGNS):
            values = {"campaign": _campaign(line, number, rows), "account": account.pk, "batch": BATCH}
            last = number == CAMPAIGNS - 1
            cursor.execute(MESSAGES, values | {"sending": last, "rows": rows // CAMPAIGNS})
        cursor.execute(BATCHES, [line.pk])
        for statement in (COUNTS, EVENTS, REFS, ENDS, POINTS, "VACUUM ANALYZE", "CHECKPOINT"):
            cursor.execute(statement)


def _campaign(line: Any, number: int, rows: int) -> int:
    """A campaign that went to everybody; the last one is under way. Its key."""
    from django.utils import timezone

    from campaigns.models import Campaign

    status = "running" if number == CAMPAIGNS - 1 else "completed"
    facts: dict[str, Any] = {"status": status, "started_at": timezone.now(), "audience": rows // CAMPAIGNS}
    facts |= {"first_message_id": 0, "last_message_id": 0}
    return Campaign.objects.create(name=f"{number}", line=line, text="سلام", sent_text="سلام", **facts).pk


def _drafts(line: Any) -> None:
    """A draft, what waits for an approval, a segment and a kept text for all contacts; and many small campaigns."""
    from django.utils import timezone

    from campaigns import approving, drafting
    from campaigns.models import Campaign, Segment, TextTemplate

    for name in ("draft", "submitted"):
        drafting.create(name=name, line=line, text=DRAFT, rules=drafting.phonebook_rules(["benchmark"]))
    approving.submit(Campaign.objects.get(name="submitted").pk)
    city = {"field": "attribute", "key": "city", "test": "is", "value": "تهران"}
    Segment.objects.create(name="everybody", conditions={"match": "all", "conditions": [city]})
    TextTemplate.objects.create(name="kept", text=DRAFT)
    over: dict[str, Any] = {"status": "completed", "text": "سلام", "sent_text": "سلام", "audience": 0}
    over |= {"started_at": timezone.now(), "finished_at": timezone.now(), "first_message_id": 0, "last_message_id": 0}
    Campaign.objects.bulk_create(Campaign(name=f"small {n}", line=line, **over) for n in range(SMALL))
