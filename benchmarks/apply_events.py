"""What it costs to apply stored events to their messages: ours, and the pure SQL that does the least of it.

    .venv/bin/python -m benchmarks.apply_events --messages 1000000

Ten campaigns' messages, accepted; the events name them in random order: nine of ten reports are *delivered*, the others
*undelivered* or *blocked*; one in eight is repeated, one in ten comes with *sent* before or after it, one in twenty
names nobody's message. The floor deletes the events instead of marking them, takes the last report of a message
whatever it says, and counts in one statement; it knows no order of locks, no cost, no refund, no suppression and no
second try. Ways take turns, three rounds.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys

from benchmarks import measuring

CAMPAIGNS = 10
_MESSAGES = """
    INSERT INTO campaigns_message (campaign_id, phone, batch_number, status, reason, account_id, provider_ref,
                                   provider_code, provider_text, cost, updated_at)
    SELECT 1 + n %% %s, 989350000000 + n, 1, 40, 0, 1, (8000000000 + n)::text, '1', '', 1000, now()
    FROM generate_series(0, %s - 1) AS n
"""
_REFS = """
    INSERT INTO campaigns_providerref (account_id, ref, message_id)
    SELECT account_id, provider_ref, id FROM campaigns_message
"""
_COUNTERS = """
    INSERT INTO campaigns_statuscount (campaign_id, status, messages, cost)
    SELECT campaign_id, status, count(*), sum(cost) FROM campaigns_message GROUP BY campaign_id, status
"""
_FLOOR = """
    WITH ev AS (
        DELETE FROM campaigns_deliveryevent
        WHERE id IN (SELECT id FROM campaigns_deliveryevent ORDER BY id LIMIT %s)
        RETURNING id, account_id, provider_ref, report
    ), last AS (
        SELECT DISTINCT ON (provider_ref) account_id, provider_ref,
               CASE report WHEN 'sent' THEN 50 WHEN 'delivered' THEN 60 WHEN 'undelivered' THEN 61 ELSE 62 END AS status
        FROM ev ORDER BY provider_ref, id DESC
    ), old AS (
        SELECT m.id, m.campaign_id, m.status AS o, last.status AS s
        FROM last JOIN campaigns_providerref r ON r.account_id = last.account_id AND r.ref = last.provider_ref
        JOIN campaigns_message m ON m.id = r.message_id
        WHERE m.status <> last.status FOR UPDATE OF m
    ), up AS (
        UPDATE campaigns_message m SET status = old.s, updated_at = now() FROM old WHERE m.id = old.id RETURNING 1
    )
    SELECT (SELECT count(*) FROM ev), (SELECT count(*) FROM up),
           (SELECT json_agg(x) FROM (SELECT campaign_id, o, s, count(*) FROM old GROUP BY 1, 2, 3) x)
"""


def people(messages: int) -> None:
    """The messages and their counters."""
    from django.db import connection

    from campaigns.models import Campaign
    from providers.models import ProviderAccount, SenderLine
    from providers.secrets import encrypt

    account = ProviderAccount.objects.create(
        name="benchmark", slug="najva", base_url="http://127.0.0.1:9", credentials=encrypt({"api_token": "x"})
    )
    line = SenderLine.objects.create(account=account, sender="1", kind=SenderLine.Kind.SERVICE)
    for number in range(CAMPAIGNS):
        Campaign.objects.create(name=f"benchmark {number}", line=line, text="سلام")
    with connection.cursor() as cursor:
        cursor.execute(_MESSAGES, [CAMPAIGNS, messages])
        cursor.execute(_REFS)
        cursor.execute(_COUNTERS)
        cursor.execute("VACUUM ANALYZE")


def reported(events: int, messages: int, seed: int) -> list[tuple[str, str]]:
    """References and reports, in the order in which they come in."""
    dice = random.Random(seed)
    people = iter(dice.sample(range(messages), min(events, messages)))
    found: list[tuple[float, str, str]] = []
    while len(found) < events:
        kind, ref, at = dice.random(), str(8_000_000_000 + next(people)), dice.random()
        word = dice.choices(["delivered", "undelivered", "blocked"], [90, 8, 2])[0]
        if kind < 0.05:
            found.append((at, f"9{ref}", word))
            continue
        found.append((at, ref, word))
        if kind < 0.18:
            found.append((dice.random(), ref, word))
        elif kind < 0.28:
            found.append((dice.random(), ref, "sent"))
    return [(ref, word) for _, ref, word in sorted(found[:events])]


def come_in(events: int, messages: int, seed: int) -> None:
    """Store the events, and nothing else in the table; the messages stand where they stood."""
    from django.db import connection

    from campaigns.delivery.events import store
    from campaigns.models import DeliveryEvent
    from providers.answers import Report, StatusReport

    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE campaigns_deliveryevent")
        cursor.execute("UPDATE campaigns_message SET status = 40 WHERE status <> 40")
        cursor.execute("VACUUM ANALYZE")
    reports = [StatusReport(ref, Report(word), "10") for ref, word in reported(events, messages, seed)]
    store(1, reports, DeliveryEvent.Source.WEBHOOK)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE campaigns_deliveryevent")


def ours(events: int) -> int:
    """The product's own way, until nothing waits."""
    from campaigns.delivery import applying

    applying.apply(3600.0)
    return events


def floor(events: int) -> int:
    """The pure SQL, 10,000 events a transaction."""
    from django.db import connection

    with connection.cursor() as cursor:
        for _ in range(-(-events // 10_000)):
            cursor.execute(_FLOOR, [10_000])
    return events


WAYS = {"pure SQL": floor, "ours": ours}


def compare(messages: int, amounts: list[int], rounds: int) -> None:
    """Both ways in turn, for each number of events."""
    with measuring.database("postgres") as environment:
        size = ["--messages", str(messages)]
        measuring.in_process(environment, "apply_events", "--step", "people", *size)
        print(f"{messages:,} messages, {rounds} rounds")
        for amount in amounts:
            found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
            for seed in range(rounds):
                for way in WAYS:
                    options = [*size, "--events", str(amount), "--seed", str(seed)]
                    measuring.in_process(environment, "apply_events", "--step", "come in", *options)
                    found[way].append(measuring.in_process(environment, "apply_events", "--step", way, *options))
            report(amount, found)


def report(amount: int, found: dict[str, list[dict[str, float]]]) -> None:
    """The medians in µs an event, and the ratio of ours to the floor's."""
    cost = {
        way: {kind: statistics.median(1e6 * each[kind] / amount for each in rounds) for kind in ("wall", "cpu")}
        for way, rounds in found.items()
    }
    for way, it in cost.items():
        memory = max(each["memory"] for each in found[way])
        print(
            f"  {amount:8,} events  {way:10} {it['wall']:6.1f} µs wall  {it['cpu']:6.1f} µs CPU an event"
            f"   {1e6 / it['wall']:8,.0f} a second   peak {memory:.0f} MB"
        )
    ratio = {kind: cost["ours"][kind] / cost["pure SQL"][kind] for kind in ("wall", "cpu")}
    print(f"                   ours is {ratio['wall']:.2f} times the pure SQL in wall, {ratio['cpu']:.2f} in CPU")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, action="append", help="how many; 10,000 and 100,000 without")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--step", help=argparse.SUPPRESS)
    options = parser.parse_args()
    amounts = options.events or [10_000, 100_000]
    if not options.step:
        compare(options.messages, amounts, options.rounds)
        return
    import django

    django.setup()
    if options.step in WAYS:
        measuring.measure(lambda: WAYS[options.step](amounts[0]))
        return
    if options.step == "people":
        people(options.messages)
    else:
        come_in(amounts[0], options.messages, options.seed)
    sys.stdout.write("{}\n")


if __name__ == "__main__":
    main()
