"""How long the explorer of messages takes to answer, by kind of filter, with many messages in the table.

    .venv/bin/python -m benchmarks.explorer --rows 10000000

Ten campaigns of ``--rows`` / 10 messages and five thousand of a few each, with batches, counters and timelines. Every
page is asked for through Django, ``--rounds`` times after one that warms up; the figures are the median and the worst
time of a page, and how many pages ("look further") it took to look through everything. The floor is a page of the
newest messages by primary key. PostgreSQL only.
"""

from __future__ import annotations

import argparse
import html
import re
import statistics
import subprocess
import sys
import time
from typing import Any

from benchmarks import measuring
from benchmarks.freeze_audience import fill_phonebook
from benchmarks.populating import BATCH, BATCHES, CAMPAIGNS, COUNTS, ENDS, MESSAGES, POINTS

SMALL = 5_000  # campaigns of FEW messages
FEW = 20
SMALL_ONES = """
    INSERT INTO campaigns_message (campaign_id, contact_id, phone, batch_number, status, reason, account_id,
                                   provider_code, provider_text, cost, updated_at)
    SELECT c.id, NULL, 989350000000 + n, 0, 60, 0, %s, '', '', 1000, now() - interval '90 days'
    FROM campaigns_campaign AS c, generate_series(1, %s) AS n WHERE c.name LIKE 'small %%' ORDER BY c.id, n
"""
# A code that few have, one that only the oldest campaign knows, and reasons.
RARE = """
    UPDATE campaigns_message SET provider_code = CASE WHEN id %% 100000 = 7 THEN '404' ELSE '17' END, reason = 3
    WHERE id %% 100000 = 7 OR (campaign_id = %s AND id %% 1000 = 3)
"""
PAGES: dict[str, str] = {
    "no filter": "",
    "common status": "status=delivered",
    "status that few have": "status=undelivered",
    "status of the oldest alone": "status=blocked",
    "status of nobody": "status=expired",
    "pending": "status=pending",
    "whole number": "q={phone}",
    "whole number of nobody": "q=09990000042",
    "ten of twelve digits": "q=0912000004",
    "beginning of many": "q=0912",
    "beginning of nobody's": "q=0999",
    "provider's id of nobody": "ref=none",
    "rare code": "code=404",
    "code of nobody": "code=nothing",
    "code within one campaign": "campaign={last}&code=404",
    "reason": "reason=refused_recipient",
    "line": "line={line}",
    "account of nothing": "account={other}",
    "a minute long ago": "since=2001-01-01 00:00&until=2001-01-01 00:01",
    "status, code and time": "status=delivered&code=404&since=2001-01-01 00:00",
}


def build(rows: int) -> dict[str, Any]:
    """Everything that the explorer reads; what stands in braces in ``PAGES``."""
    from django.contrib.auth import get_user_model
    from django.db import connection
    from django.utils import timezone

    from campaigns.models import Campaign, Message
    from providers.models import ProviderAccount, SenderLine
    from providers.secrets import encrypt

    get_user_model().objects.create_superuser("benchmark")
    fill_phonebook(rows // CAMPAIGNS)
    facts: dict[str, Any] = {"slug": "najva", "base_url": "http://127.0.0.1:9"}
    facts["credentials"] = encrypt({"api_token": "x"})
    account, other = (ProviderAccount.objects.create(name=name, **facts) for name in ("benchmark", "other"))
    line = SenderLine.objects.create(account=account, sender="1", kind=SenderLine.Kind.SERVICE)
    made = {"line": line, "text": "سلام", "sent_text": "سلام", "status": "completed", "started_at": timezone.now()}
    made |= {"audience": 1, "first_message_id": 0, "last_message_id": 0, "finished_at": timezone.now()}
    with connection.cursor() as cursor:
        for number in range(CAMPAIGNS):
            campaign = Campaign.objects.create(name=f"large {number}", **made)
            values = {"campaign": campaign.pk, "account": account.pk, "batch": BATCH, "rows": rows // CAMPAIGNS}
            cursor.execute(MESSAGES, values | {"sending": number == CAMPAIGNS - 1})
        first = campaign.pk - CAMPAIGNS + 1
        cursor.execute(RARE, [first])
        cursor.execute("UPDATE campaigns_message SET status = 62 WHERE campaign_id = %s AND id %% 5000 = 3", [first])
        Campaign.objects.bulk_create([Campaign(name=f"small {number}", **made) for number in range(SMALL)])
        cursor.execute(SMALL_ONES, [account.pk, FEW])
        cursor.execute(BATCHES, [line.pk])
        for statement in (COUNTS, POINTS, ENDS, "VACUUM ANALYZE", "CHECKPOINT"):
            cursor.execute(statement)
    phone = Message.objects.order_by("pk").values_list("phone", flat=True)[rows // CAMPAIGNS // 2]
    return {"phone": "0" + str(phone)[3:], "last": campaign.pk, "line": line.pk, "other": other.pk}


def walk(client: Any, query: str, limit: int) -> tuple[list[float], int, bool]:
    """Look further until the end or ``limit`` pages: the milliseconds of each, the rows, whether it is the end."""
    took, found, further = list[float](), 0, f"?{query}"
    while further and len(took) < limit:
        began = time.perf_counter()
        response = client.get(f"/messages/{further}")
        took.append((time.perf_counter() - began) * 1_000)
        if response.status_code != 200:
            raise SystemExit(f"{query}: {response.status_code}")
        page = response.content.decode()
        found += page.count('<tr class="relative')
        link = re.search(r'href="(\?[^"]*below=[^"]*)"', page)
        further = html.unescape(link[1]) if link else ""
    return took, found, not further


def look(rows: int, rounds: int, limit: int) -> None:
    """Fill the database and print what each filter takes."""
    from django.conf import settings
    from django.contrib.auth import get_user_model
    from django.test import Client

    settings.ALLOWED_HOSTS = ["testserver"]
    values = build(rows)
    client = Client()
    client.force_login(get_user_model().objects.get())
    base = 0.0
    print(f"{rows:,} messages in {CAMPAIGNS} campaigns, and {SMALL * FEW:,} in {SMALL:,}")
    for name, raw in PAGES.items():
        query = re.sub(r"\{(\w+)\}", lambda found: str(values[found[1]]), raw)
        walk(client, query, 1)
        first = statistics.median(walk(client, query, 1)[0][0] for _round in range(rounds))
        took, found, ended = walk(client, query, limit)
        base = base or first
        pages = f"{len(took)}{'' if ended else '+'}"
        print(
            f"  {name:28} first {first:7.1f} ms {first / base:6.2f}x   worst {max(took):7.1f} ms"
            f"   {pages:>5} pages {found:6} rows",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--limit", type=int, default=40, help="pages of one walk")
    parser.add_argument("--in-process", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.in_process:
        import django

        django.setup()
        look(options.rows, options.rounds, options.limit)
        return
    with measuring.database("postgres") as environment:
        measuring.manage(environment, "collectstatic", "--no-input", "--verbosity", "0")
        command = [sys.executable, "-m", "benchmarks.explorer", *sys.argv[1:], "--in-process"]
        subprocess.run(command, env=environment, check=True, cwd=measuring.ROOT)


if __name__ == "__main__":
    main()
