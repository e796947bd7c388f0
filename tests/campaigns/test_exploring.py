"""The explorer: what each filter means, held against the rows one by one, and that no look takes long."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.utils import timezone

from campaigns.exploring import MessageFilter, look, looking
from campaigns.exporting import MessagesToFile
from campaigns.models import Batch, Campaign, Message, StatusCount, TimelinePoint
from campaigns.states import BatchStatus, MessageStatus, Reason
from contacts.models import BulkAction, Contact
from interface import masking, persian
from interface.jalali import JalaliDateTimeField
from providers.models import SenderLine
from tests import builders

pytestmark = pytest.mark.django_db
NOW = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)
FIELD = JalaliDateTimeField()
SETTLED = [status for status in MessageStatus if status not in (MessageStatus.PENDING, MessageStatus.SENDING)]


@pytest.fixture
def campaigns() -> list[Campaign]:
    """Four of 30 messages each to the same people on two accounts; the rows are as mixed as a year makes them."""
    people = builders.phonebook(builders.contacts(30))
    lines = [builders.line(builders.account(name=f"account {n}", batch_size=7), f"9000{n}") for n in range(2)]
    made = [builders.running(lines[n % 2], builders.include(people)) for n in range(4)]
    Batch.objects.filter(number=2).update(status=BatchStatus.SENDING, owner="x", lease_until=timezone.now())
    Batch.objects.filter(campaign=made[0], number=3).update(line=lines[1])
    Campaign.objects.filter(pk=made[0].pk).update(failover_line=lines[1])
    mix(list(Message.objects.order_by("pk")))
    Campaign.objects.update(created_at=NOW - dt.timedelta(days=30), started_at=NOW - dt.timedelta(days=20))
    Campaign.objects.filter(pk__in=[made[0].pk, made[1].pk]).update(finished_at=NOW - dt.timedelta(days=19))
    return made


def mix(rows: list[Message]) -> None:
    """Let the messages stand anywhere, with counters and a timeline that say so."""
    draw = random.Random(7)
    for row in rows:
        row.status = draw.choice([MessageStatus.PENDING, MessageStatus.PENDING, *SETTLED])
        row.batch_number = None if row.status == MessageStatus.SKIPPED else row.batch_number
        row.reason = draw.choice([Reason.NONE, Reason.REPORTED, Reason.SUPPRESSED])
        row.provider_code = draw.choice(["", "17", "404"])
        row.updated_at = NOW - dt.timedelta(hours=draw.randrange(0, 400))
    Message.objects.bulk_update(rows, ["status", "batch_number", "reason", "provider_code", "updated_at"])
    StatusCount.objects.all().delete()
    counts = Counter((row.campaign_id, row.status) for row in rows)
    StatusCount.objects.bulk_create(
        StatusCount(campaign_id=campaign, status=status, messages=n) for (campaign, status), n in counts.items()
    )
    points = {(row.campaign_id, row.status, row.updated_at) for row in rows}
    TimelinePoint.objects.bulk_create(TimelinePoint(campaign_id=c, status=status, at=at) for c, status, at in points)


class Plain:
    """Which messages are meant, by looking at each alone."""

    def __init__(self) -> None:
        self.rows = list(Message.objects.order_by("-pk"))
        batches = Batch.objects.select_related("line")
        self.batches = {(batch.campaign_id, batch.number): batch for batch in batches}

    def ids(self, query: dict[str, str]) -> list[int]:
        return [row.pk for row in self.rows if self.means(row, query)]

    def means(self, message: Message, query: dict[str, str]) -> bool:
        batch = self.batches.get((message.campaign_id, -1 if message.batch_number is None else message.batch_number))
        standing = MessageStatus(message.status)
        if standing == MessageStatus.PENDING and batch and batch.status == BatchStatus.SENDING:
            standing = MessageStatus.SENDING
        facts: dict[str, Callable[[str], bool]] = {
            "status": lambda wanted: standing.name.lower() == wanted,
            "reason": lambda wanted: Reason(message.reason).name.lower() == wanted,
            "code": lambda wanted: message.provider_code == wanted,
            "campaign": lambda wanted: message.campaign_id == int(wanted),
            "line": lambda wanted: batch is not None and batch.line_id == int(wanted),
            "account": lambda wanted: batch is not None and batch.line.account_id == int(wanted),
            "batch": lambda wanted: message.batch_number == int(wanted),
            "q": lambda wanted: str(message.phone).startswith("+98" + persian.ascii_digits(wanted)[1:]),
            "since": lambda wanted: message.updated_at >= FIELD.clean(wanted),
            "until": lambda wanted: message.updated_at <= FIELD.clean(wanted),
        }
        return all(facts[name](wanted) for name, wanted in query.items())


def queries(made: list[Campaign], number: int) -> Iterator[dict[str, str]]:
    """Combinations of filters, drawn."""
    choices: dict[str, list[str]] = {
        "status": ["pending", "sending", "delivered", "skipped", "unknown"],
        "reason": ["reported", "suppressed"],
        "code": ["17", "404"],
        "campaign": [str(campaign.pk) for campaign in made],
        "line": [str(pk) for pk in SenderLine.objects.values_list("pk", flat=True)],
        "account": [str(line.account_id) for line in SenderLine.objects.all()],
        "q": ["0912", "09120000012", "۰۹۱۲۰۰۰۰۰۱", "0935"],
        "since": ["2026-11-10 08:30", "1405/08/28"],
        "until": ["2026-11-20 10:15"],
    }
    draw = random.Random(7)
    for _round in range(number):
        names = draw.sample(sorted(choices), draw.choice([1, 1, 2, 2, 3]))
        query = {name: draw.choice(choices[name]) for name in names}
        yield query | ({"batch": "1"} if "campaign" in query and draw.random() < 0.3 else {})


def pages(narrowed: MessageFilter, size: int = 7, **how: Any) -> list[int]:
    """All that a filter means, page by page."""
    found, below = list[int](), None
    for _page in range(500):
        page = look(narrowed, below, size=size, **how)
        found += [row.pk for row in page.rows]
        if page.further is None:
            return found
        assert below is None or page.further < below
        below = page.further
    raise AssertionError("it never ends")


def test_every_filter_means_what_the_rows_say(campaigns: list[Campaign]) -> None:
    plain = Plain()
    found = 0
    for query in queries(campaigns, 60):
        expected = plain.ids(query)
        found += len(expected)
        assert pages(MessageFilter.read(query)) == expected, query
    assert found > 200


def test_a_look_without_time_says_how_far_it_came_and_the_next_ones_find_the_rest(
    campaigns: list[Campaign], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "FEWEST", 5)
    monkeypatch.setattr(looking, "WIDEST", 5)
    monkeypatch.setattr(looking._Walk, "width", 5, raising=False)
    plain = Plain()
    for query in queries(campaigns, 25):
        expected = plain.ids(query)
        assert pages(MessageFilter.read(query), seconds=0.0) == expected, query
    first = look(MessageFilter.read({"code": "404", "status": "unknown"}), seconds=0.0)
    assert (first.is_full, first.further is None) == (False, False)


def test_more_campaigns_than_one_look_takes_are_looked_at_by_the_next(
    campaigns: list[Campaign], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "MOST", 2)
    monkeypatch.setattr(looking, "AT_ONCE", 1)
    for query in ({"code": "17"}, {"q": "09120000012"}, {"status": "delivered"}):
        assert pages(MessageFilter.read(query)) == Plain().ids(query), query


def test_campaigns_whose_ids_are_mixed_are_found_in_the_order_of_their_messages(campaigns: list[Campaign]) -> None:
    first, second = campaigns[:2]
    ends = {"first_message_id": first.first_message_id, "last_message_id": second.last_message_id}
    Campaign.objects.filter(pk__in=[first.pk, second.pk]).update(**ends)
    for query in ({"status": "pending"}, {"code": "404"}):
        assert pages(MessageFilter.read(query)) == Plain().ids(query)


def test_an_export_looks_at_the_same_messages_as_the_explorer_shows(campaigns: list[Campaign]) -> None:
    for query in queries(campaigns, 30):
        action = BulkAction(pk=1, kind=BulkAction.Kind.MESSAGES, selection={"filter": query}, params={})
        kind = MessagesToFile(action)
        kind.begin()
        seen, after = list[int](), 0
        while ids := kind.next_ids(after, 13):
            seen += [message.pk for message in kind.meant(ids)]
            after = ids[-1]
        assert seen == sorted(pages(MessageFilter.read(query))), query


def test_a_message_is_found_by_the_providers_id(campaigns: list[Campaign]) -> None:
    message = Message.objects.order_by("pk")[40]
    builders.known_by("ref-1", message, campaigns[1].line.account)
    assert pages(MessageFilter.read({"ref": "ref-1"})) == [message.pk]
    assert pages(MessageFilter.read({"ref": "ref-1", "campaign": str(campaigns[0].pk)})) == []
    assert pages(MessageFilter.read({"ref": "ref"})) == []


@pytest.mark.parametrize(
    ("typed", "found"),
    [("0912000001", 0), ("09120000012", 4), ("+98 912 000 0012", 4), ("۰۹۱۲۰۰۰۰۰۱۲", 4), ("912", 0), ("x", 0)],
)
def test_who_may_not_see_numbers_finds_only_whole_ones(campaigns: list[Campaign], typed: str, found: int) -> None:
    with masking.numbers_for(lambda: False):
        assert len(pages(MessageFilter.read({"q": typed}))) == found


@pytest.mark.parametrize("typed", ["x", "9" * 40, "+1", "0" * 16, "\0", "09 12 x"])
def test_what_is_no_number_finds_nothing(campaigns: list[Campaign], typed: str) -> None:
    narrowed = MessageFilter.read({"q": typed})
    assert pages(narrowed, size=200) == ([] if narrowed.q else [row.pk for row in Message.objects.order_by("-pk")])


def test_a_filter_is_the_same_once_it_was_stored(campaigns: list[Campaign]) -> None:
    for query in queries(campaigns, 30):
        narrowed = MessageFilter.read(query)
        assert MessageFilter.read(narrowed.query()) == narrowed


def test_a_contact_that_is_gone_hides_no_message(campaigns: list[Campaign]) -> None:
    Contact.objects.all()._raw_delete("default")  # as a dangling id
    assert len(pages(MessageFilter.read({"campaign": str(campaigns[0].pk)}))) == 30
