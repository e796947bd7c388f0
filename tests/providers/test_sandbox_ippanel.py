"""IPPanel's side of the sandbox over real sockets: what it sends to, and what becomes of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from providers.answers import Blame, Outcome, Report, SendAnswer
from providers.audience import Audience, CategoryPart, NumbersPart, OperatorSlice, PhonebooksPart
from providers.backends.ippanel import IPPanel
from providers.base import HttpRequest, SendJob, TransportError
from providers.keeping import BulkAnswer, BulkState, ListedRecipient
from providers.sandbox import Sandbox
from providers.sandbox.ippanel_data import CATEGORIES, numbers_of
from tests.providers.sending import carry, control, until
from tests.providers.test_ippanel import JOB_AUDIENCE, PHONEBOOK_AUDIENCE

TEXT = "جشنواره پاییز 🎉 لغو11"


@pytest.fixture
def ippanel(sandbox: Sandbox) -> IPPanel:
    return IPPanel(f"{sandbox.base_url}/v1", {"token": "token"})


def job(*phonebooks: PhonebooksPart | NumbersPart, categories: tuple[CategoryPart, ...] = ()) -> SendJob:
    return SendJob("+983000505", [], TEXT, audience=Audience(categories, phonebooks))


CHOSEN = job(NumbersPart("456987", ("123", "456", "789")))


def send(ippanel: IPPanel, sent: SendJob = CHOSEN) -> SendAnswer:
    return ippanel.parse_send(sent, carry(ippanel.build_send(sent)))


def bulk(ippanel: IPPanel, ref: str) -> BulkAnswer:
    return ippanel.parse_bulk(ref, carry(ippanel.build_bulk(ref)))


def ended(ippanel: IPPanel, ref: str, state: BulkState = BulkState.SENT) -> BulkAnswer:
    until(lambda: bulk(ippanel, ref).state is state)
    return bulk(ippanel, ref)


def recipients(ippanel: IPPanel, ref: str, page: int = 1) -> list[ListedRecipient]:
    return list(ippanel.parse_recipients(carry(ippanel.build_recipients(ref, page))).rows)


def phones(book: int) -> list[int]:
    return [number.phone for number in numbers_of(book)]


def credit(ippanel: IPPanel) -> int | None:
    return ippanel.parse_check(carry(ippanel.build_check())).credit


# Whom it sends to


def test_chosen_numbers_are_sent_to(sandbox: Sandbox, ippanel: IPPanel) -> None:
    answer = send(ippanel)
    assert answer.outcome is Outcome.ACCEPTED
    assert sandbox.ledger.acceptances() == dict.fromkeys(phones(456987)[:3], 1)
    [message] = sandbox.messages_to(f"+{phones(456987)[0]}")
    assert (str(message["messageid"]), message["text"]) == (answer.refs[0], TEXT)


@pytest.mark.parametrize(("audience", "size"), [(JOB_AUDIENCE, 3373 + 2 + 1452 + 500), (PHONEBOOK_AUDIENCE, 5)])
def test_the_originals_samples_are_taken(sandbox: Sandbox, ippanel: IPPanel, audience: Audience, size: int) -> None:
    assert send(ippanel, replace(CHOSEN, audience=audience)).outcome is Outcome.ACCEPTED
    assert sandbox.ledger.acceptances().total() == size
    assert sandbox.ledger.departures == {}


def test_who_is_in_two_phonebooks_is_sent_to_once(sandbox: Sandbox, ippanel: IPPanel) -> None:
    send(ippanel, job(PhonebooksPart(("123654", "456987")), PhonebooksPart(("838550",))))
    everybody = {*phones(123654), *phones(456987), *phones(838550)}
    assert len(everybody) < 340 + 48 + 1_250
    assert sandbox.ledger.acceptances() == dict.fromkeys(everybody, 1)


@pytest.mark.parametrize(("start", "size"), [(0, 5), (10, 7), (338, 10), (None, 4), (330, None), (340, 1)])
def test_a_part_of_a_phonebook_is_cut_from_0(
    sandbox: Sandbox, ippanel: IPPanel, start: int | None, size: int | None
) -> None:
    send(ippanel, job(PhonebooksPart(("123654",), start, size)))
    first = start or 0
    last = None if size is None else first + size
    assert list(sandbox.ledger.acceptances()) == phones(123654)[first:last]


COUNTED = [
    (CategoryPart(1), None),
    (CategoryPart(8, 9), None),
    (CategoryPart(1, 1), OperatorSlice(2, 0, 3373)),
    (CategoryPart(3), OperatorSlice(13, 100)),
    (CategoryPart(2, 5), OperatorSlice(1, 630, 50)),
]


@pytest.mark.parametrize(("part", "operator"), COUNTED)
def test_a_count_is_what_a_send_then_takes(
    sandbox: Sandbox, ippanel: IPPanel, part: CategoryPart, operator: OperatorSlice | None
) -> None:
    count = ippanel.parse_count(carry(ippanel.build_count(part, operator)))
    send(ippanel, job(categories=(replace(part, operators=(operator,) if operator else ()),)))
    assert sum(count.by_operator.values()) == sandbox.ledger.acceptances().total()
    assert count.outcome is Outcome.ACCEPTED


def test_an_audience_of_nobody_ends_as_invalid(sandbox: Sandbox, ippanel: IPPanel) -> None:
    answer = send(ippanel, job(PhonebooksPart(("870001",))))
    assert ended(ippanel, answer.refs[0], BulkState.INVALID).recipients == 0
    assert "۰ گیرنده" in carry(HttpRequest("GET", f"{sandbox.base_url}/")).body.decode()


# Lists


def test_the_lists_are_told(ippanel: IPPanel) -> None:
    lines = ippanel.parse_lines(carry(ippanel.build_lines(1)))
    books = ippanel.parse_phonebooks(carry(ippanel.build_phonebooks(1)))
    mains = ippanel.parse_categories(carry(ippanel.build_categories()))
    assert {"+983000505", "+98PRO"} <= {line.sender for line in lines.rows}
    assert all(ippanel.knows_sender(line.sender) for line in lines.rows)
    assert {book.ref: book.size for book in books.rows} == {
        "123654": 340,
        "456987": 48,
        "838550": 1_250,
        "860108": 62,
        "870001": 0,
    }
    assert [main.ref for main in mains.rows] == ["1", "2", "3", "8"]


def test_every_main_category_has_sub_categories_of_its_own(ippanel: IPPanel) -> None:
    found = []
    for main in (1, 2, 3, 8):
        rows = ippanel.parse_categories(carry(ippanel.build_subcategories(main))).rows
        found += [(main, int(row.ref), row.name) for row in rows]
    assert found == [(each.main, each.id, each.name) for each in CATEGORIES]


def test_a_long_phonebook_comes_in_pages(ippanel: IPPanel) -> None:
    pages = [ippanel.parse_numbers(carry(ippanel.build_numbers("838550", page))) for page in (1, 2, 3)]
    assert [len(page.rows) for page in pages] == [1_000, 250, 0]
    assert {(page.last_page, page.total) for page in pages} == {(2, 1_250)}
    assert [row.phone for page in pages for row in page.rows] == [f"+{phone}" for phone in phones(838550)]
    assert len({row.ref for page in pages for row in page.rows}) == 1_250


def test_the_numbers_of_the_originals_have_their_ids(ippanel: IPPanel) -> None:
    rows = ippanel.parse_numbers(carry(ippanel.build_numbers("456987", 1))).rows
    assert [row.ref for row in rows[:3]] == ["123", "456", "789"]
    assert all(row.name for row in rows)


# What it costs


def test_a_price_is_what_a_send_then_costs(sandbox: Sandbox, ippanel: IPPanel) -> None:
    sandbox.configure({"price": 2_000, "credit": 100_000})
    price = ippanel.parse_price(carry(ippanel.build_price("+983000505", TEXT)))
    cost = bulk(ippanel, send(ippanel).refs[0]).cost
    assert (price.mci, price.other, price.parts) == (2_000, 2_100, 1)
    assert cost == 2_000 * 2 + 2_100  # two numbers of MCI, one of Irancell
    assert credit(ippanel) == 100_000 - cost


@pytest.mark.parametrize(
    ("text", "parts"), [("م" * 70, 1), ("م" * 71, 2), ("a" * 160, 1), ("a" * 161, 2), ("🎉" * 35, 1), ("🎉" * 36, 2)]
)
def test_a_long_text_costs_by_its_parts(ippanel: IPPanel, text: str, parts: int) -> None:
    found = ippanel.parse_price(carry(ippanel.build_price("+983000505", text)))
    assert (found.parts, found.mci) == (parts, 1_000 * parts)


def test_what_the_credit_does_not_cover_ends_unfunded_and_costs_nothing(sandbox: Sandbox, ippanel: IPPanel) -> None:
    sandbox.configure({"credit": 3_000})
    ended(ippanel, send(ippanel).refs[0], BulkState.UNFUNDED)
    assert credit(ippanel) == 3_000


# Where it stands


def test_a_bulk_advances_by_itself(sandbox: Sandbox, ippanel: IPPanel) -> None:
    sandbox.configure({"sent_after": 0.2, "final_after": 0.5})
    ref = send(ippanel).refs[0]
    assert bulk(ippanel, ref).state is BulkState.CREATING
    assert recipients(ippanel, ref) == []
    ended(ippanel, ref, BulkState.SENDING)
    assert {each.report for each in recipients(ippanel, ref)} == {Report.SENT}
    ended(ippanel, ref)
    assert {each.report for each in recipients(ippanel, ref)} == {Report.DELIVERED}


@pytest.mark.parametrize(
    ("number", "state"),
    [(3, BulkState.REJECTED), (4, BulkState.INVALID), (8, BulkState.UNFUNDED), (9, BulkState.BROKEN)],
)
def test_an_accepted_send_may_end_badly(sandbox: Sandbox, ippanel: IPPanel, number: int, state: BulkState) -> None:
    sandbox.configure({"bulk_ends": number, "credit": 10_000})
    ref = send(ippanel).refs[0]
    assert ended(ippanel, ref, state).code == f"state-{number}"
    assert (recipients(ippanel, ref), credit(ippanel)) == ([], 10_000)


def test_one_bulk_among_others_is_rejected_with_a_comment(sandbox: Sandbox, ippanel: IPPanel) -> None:
    sandbox.faults.add("entry_status", "ippanel_send", status=3, times=1)
    refs = [send(ippanel, each).refs[0] for each in (CHOSEN, replace(CHOSEN, text="متن دیگر"))]
    assert "متن پیام" in ended(ippanel, refs[0], BulkState.REJECTED).text
    ended(ippanel, refs[1])


def test_a_bulk_waits_for_approval_until_it_is_released(sandbox: Sandbox, ippanel: IPPanel) -> None:
    control(sandbox, "POST", "settings", {"bulk_ends": 1})
    ref = send(ippanel).refs[0]
    ended(ippanel, ref, BulkState.AWAITING_APPROVAL)
    control(sandbox, "POST", "settings", {"bulk_ends": 6})
    ended(ippanel, ref)


def test_an_id_that_was_never_given_out_is_not_there(ippanel: IPPanel) -> None:
    found = bulk(ippanel, "55")
    assert (found.outcome, found.blame, found.code) == (Outcome.REJECTED, Blame.REQUEST, "400-1")


def test_recipients_come_in_pages_with_their_fates(sandbox: Sandbox, ippanel: IPPanel) -> None:
    sandbox.configure({"shares": {"11": 0.2, "14": 0.1}})
    ref = send(ippanel, job(PhonebooksPart(("123654",)))).refs[0]
    ended(ippanel, ref)
    pages = [recipients(ippanel, ref, page) for page in (1, 2, 3, 4, 5)]
    assert [len(page) for page in pages] == [100, 100, 100, 40, 0]
    reports = Counter(each.report for page in pages for each in page)
    assert 40 < reports[Report.UNDELIVERED] < 100
    assert 15 < reports[Report.BLOCKED] < 60
    assert [each.phone for page in pages for each in page] == [f"+{phone}" for phone in phones(123654)]


def test_the_figures_of_a_bulk_count_every_recipient_once(sandbox: Sandbox, ippanel: IPPanel) -> None:
    sandbox.configure({"shares": {"11": 0.2, "14": 0.1}})
    ref = send(ippanel, job(PhonebooksPart(("123654",)))).refs[0]
    ended(ippanel, ref)
    counts = ippanel.parse_bulk_counts(carry(ippanel.build_bulk_counts(ref))).counts
    assert sum(counts.values()) == 340
    assert all(counts[f"{status}.mci"] for status in ("delivered", "failed", "blacklist"))


# Time


def in_minutes(minutes: float) -> SendJob:
    return replace(CHOSEN, send_time=datetime.now(UTC) + timedelta(minutes=minutes))


def cancelled(ippanel: IPPanel, ref: str) -> Outcome:
    return ippanel.parse_cancel(carry(ippanel.build_cancel(ref))).outcome


def test_a_bulk_waits_for_its_time(ippanel: IPPanel) -> None:
    found = bulk(ippanel, send(ippanel, in_minutes(10)).refs[0])
    assert found.state is BulkState.QUEUED


@pytest.mark.parametrize("minutes", [-1, 1, 4.9, 60 * 24 * 93])
def test_a_time_too_soon_or_too_late_is_refused(ippanel: IPPanel, minutes: float) -> None:
    answer = send(ippanel, in_minutes(minutes))
    assert (answer.outcome, list(answer.field_errors)) == (Outcome.REJECTED, ["send_time"])


def test_a_bulk_is_cancelled_before_its_time_and_its_cost_comes_back(sandbox: Sandbox, ippanel: IPPanel) -> None:
    sandbox.configure({"credit": 50_000})
    ref = send(ippanel, in_minutes(10)).refs[0]
    assert cancelled(ippanel, ref) is Outcome.ACCEPTED
    assert bulk(ippanel, ref).state is BulkState.CANCELLED
    assert credit(ippanel) == 50_000
    assert cancelled(ippanel, ref) is Outcome.REJECTED


def test_a_bulk_in_its_last_five_minutes_is_not_cancelled(sandbox: Sandbox, ippanel: IPPanel) -> None:
    ref = send(ippanel, in_minutes(10)).refs[0]
    [taken] = sandbox.ledger.taken
    taken.facts = {**taken.facts, "due": taken.facts["due"] - 6 * 60}
    assert cancelled(ippanel, ref) is Outcome.REJECTED
    assert bulk(ippanel, ref).state is BulkState.QUEUED


@pytest.mark.parametrize("known", [True, False])
def test_what_does_not_wait_for_a_time_is_not_cancelled(ippanel: IPPanel, known: bool) -> None:
    ref = send(ippanel).refs[0]
    assert cancelled(ippanel, ref if known else "55") is Outcome.REJECTED


# Twice


def test_the_same_send_within_40_seconds_is_refused_and_in_doubt(sandbox: Sandbox, ippanel: IPPanel) -> None:
    answers = [send(ippanel) for _ in range(2)]
    assert [(each.outcome, each.code) for each in answers] == [(Outcome.ACCEPTED, ""), (Outcome.UNCLEAR, "429")]
    assert sandbox.summary()["repeated"] == {}


@pytest.mark.parametrize(
    "other", [replace(CHOSEN, text="متن دیگر"), replace(CHOSEN, sender="+98PRO"), job(NumbersPart("456987", ("123",)))]
)
def test_another_text_line_or_audience_is_another_send(ippanel: IPPanel, other: SendJob) -> None:
    assert [send(ippanel, each).outcome for each in (CHOSEN, other)] == [Outcome.ACCEPTED] * 2


def test_the_same_send_is_taken_again_after_40_seconds(sandbox: Sandbox, ippanel: IPPanel) -> None:
    send(ippanel)
    sandbox.ledger.taken[0].at -= 41
    assert send(ippanel).outcome is Outcome.ACCEPTED


def test_a_send_whose_answer_was_lost_is_found_in_the_list(sandbox: Sandbox, ippanel: IPPanel) -> None:
    sandbox.faults.add("close_after_accept", "ippanel_send", times=1)
    with pytest.raises(TransportError) as caught:
        send(ippanel)
    send(ippanel, replace(CHOSEN, text="متن دیگر"))
    latest, lost = ippanel.parse_bulks(carry(ippanel.build_bulks(1))).rows
    assert caught.value.outcome is Outcome.UNCLEAR
    assert (latest.text, lost.text, lost.sender) == ("متن دیگر", TEXT, "+983000505")
    assert lost.ref == str(sandbox.ledger.taken[0].first_id)


# Replies


def test_replies_are_told_after_the_last_that_was_seen(sandbox: Sandbox, ippanel: IPPanel) -> None:
    replies = [{"from": "+989121234567", "number": "+983000505", "message": word} for word in ("11", "سلام", "۱۲")]
    control(sandbox, "POST", "settings", {"inbox": replies})
    everything, new = (ippanel.parse_inbox(carry(ippanel.build_inbox(1, after))).rows for after in ("", "2"))
    assert [(reply.ref, reply.text) for reply in everything] == [("3", "۱۲"), ("2", "سلام"), ("1", "11")]
    assert [(reply.ref, reply.phone, reply.sender) for reply in new] == [("3", "+989121234567", "+983000505")]
