"""GoSMS's list of messages: how it is read, and the walk to its proven end."""

from __future__ import annotations

from typing import Any

import pytest

from providers.answers import OutboxEntry, Outcome, Report
from providers.backends.gosms import GoSMS, ListWalk
from providers.base import InvalidJob
from providers.keeping import Page
from tests.providers.test_gosms import OTHER, REF, answer, recorded


@pytest.fixture
def gosms() -> GoSMS:
    return GoSMS("https://api.gosms.example/v1/", {"token": "a.b.c"})


def test_a_list_is_asked_for_as_the_original_says(gosms: GoSMS) -> None:
    request = gosms.build_list(1, 5, "79999999999")
    assert (request.method, request.url, request.body) == ("GET", "https://api.gosms.example/v1/sms", None)
    assert request.params == {"limit": "5", "offset": "1", "search": "79999999999"}
    assert gosms.build_list(3).params == {"limit": "100", "offset": "3"}
    assert gosms.build_check().params == {"limit": "1"}


@pytest.mark.parametrize(("offset", "limit"), [(-1, 10), (1, 0), (1, 101)])
def test_a_list_beyond_the_contract_is_refused(gosms: GoSMS, offset: int, limit: int) -> None:
    with pytest.raises(InvalidJob):
        gosms.build_list(offset, limit)


def test_the_originals_list_is_read(gosms: GoSMS) -> None:
    found = gosms.parse_list(answer(200, recorded("list_answer.json")))
    assert (found.outcome, found.total) == (Outcome.ACCEPTED, 95)
    assert found.rows == [
        OutboxEntry(OTHER, "+79929999999", "Hello my friends", Report.ACCEPTED, "0", 1717044540),
        OutboxEntry("665727c04a5fad164ea38bb2", "+79929999988", "Hello World", Report.DELIVERED, "4", 1716987840),
    ]


@pytest.mark.parametrize(
    "listed",
    [[None, 5, "a"], [{"id": 5}], [{"id": REF[1:], "status": 4}], None],
    ids=["words", "number", "short", "null"],
)
def test_rows_without_an_id_are_left_out(gosms: GoSMS, listed: object) -> None:
    assert gosms.parse_list(answer(200, {"pagination": {"total_records": 3}, "sms_list": listed})).rows == []


@pytest.mark.parametrize("number", [None, "", "n/a", "+7 999", 79999999999, "0", "9" * 31])
def test_a_row_whose_number_is_none_still_counts(gosms: GoSMS, number: object) -> None:
    row = {"id": REF, "status": 4, "phone_number": number}
    [entry] = gosms.parse_list(answer(200, {"pagination": {"total_records": 1}, "sms_list": [row]})).rows
    assert (entry.ref, entry.phone, entry.sent_at) == (REF, "", 0)


@pytest.mark.parametrize(
    "content",
    [
        *([], {}, {"pagination": {}, "sms_list": []}, {"pagination": {"total_records": -1}, "sms_list": []}),
        *({"pagination": {"total_records": 1}, "sms_list": {}}, {"pagination": [95], "sms_list": []}),
    ],
)
def test_a_list_that_is_not_the_documented_one_is_unclear(gosms: GoSMS, content: object) -> None:
    assert gosms.parse_list(answer(200, content)).outcome is Outcome.UNCLEAR


# The walk through the list


def entries(size: int, first: int = 1) -> list[OutboxEntry]:
    return [OutboxEntry(f"{n:024x}", "+79999999999", "a", Report.SENT, "2", n) for n in range(first, first + size)]


def by_pages(stored: list[OutboxEntry], offset: int, limit: int) -> list[OutboxEntry]:
    return stored[(offset - 1) * limit : offset * limit] if offset else []


def by_rows(stored: list[OutboxEntry], offset: int, limit: int) -> list[OutboxEntry]:
    return stored[offset : offset + limit]


READINGS = [by_pages, by_rows]


def walked(stored: list[OutboxEntry], reading: Any, limit: int = 10, total: int | None = None) -> ListWalk:
    walk = ListWalk(limit)
    while walk.offset is not None:
        rows = reading(stored, walk.offset, limit)
        walk.add(Page(Outcome.ACCEPTED, rows, total=len(stored) if total is None else total))
    return walk


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("size", [0, 1, 2, 9, 10, 11, 20, 95, 100, 101])
def test_the_walk_sees_the_whole_list_whatever_offset_counts(reading: Any, size: int) -> None:
    stored = entries(size)
    walk = walked(stored, reading)
    assert walk.complete
    assert set(walk.entries.values()) == set(stored)
    assert walk.calls <= size // 10 + 3


@pytest.mark.parametrize("reading", READINGS)
def test_a_walk_that_does_not_see_them_all_proves_nothing(reading: Any) -> None:
    walk = walked(entries(25), reading, total=26)
    assert (walk.complete, len(walk.entries)) == (False, 25)


def test_a_count_of_everything_beside_a_search_proves_nothing() -> None:
    walk = walked(entries(3), by_pages, total=4_000)
    assert (walk.complete, len(walk.entries)) == (False, 3)
    assert walk.calls < ListWalk.max_calls


@pytest.mark.parametrize("outcome", [Outcome.REJECTED, Outcome.RETRYABLE, Outcome.UNCLEAR])
def test_an_answer_that_teaches_nothing_ends_the_walk(outcome: Outcome) -> None:
    walk = ListWalk(10)
    walk.add(Page(Outcome.ACCEPTED, entries(10), total=30))
    walk.add(Page(outcome))
    assert (walk.offset, walk.complete) == (None, False)


def test_the_walk_starts_over_when_the_list_changes_under_it() -> None:
    walk = ListWalk(10)
    walk.add(Page(Outcome.ACCEPTED, entries(10), total=15))
    walk.add(Page(Outcome.ACCEPTED, entries(6, 10), total=16))
    assert (walk.offset, walk.entries, walk.complete) == (1, {}, False)


def test_a_list_that_keeps_changing_is_given_up() -> None:
    walk = ListWalk(10)
    for total in range(100, 200):
        if walk.offset is not None:
            walk.add(Page(Outcome.ACCEPTED, entries(10), total=total))
    assert (walk.offset, walk.complete) == (None, False)
    assert walk.calls < 10


def test_an_endless_list_is_given_up() -> None:
    walk = ListWalk(10)
    while walk.offset is not None:
        walk.add(Page(Outcome.ACCEPTED, entries(10, 1 + 10 * walk.calls), total=10**18))
    assert (walk.calls, walk.complete) == (ListWalk.max_calls, False)
