"""Suppressions are made and lifted in one place, once, by reason, and it is written down."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Count

from contacts import suppressions
from contacts.models import Contact, Suppression, SuppressionChange
from tests import builders
from tests.contacts.files import is_postgres
from tests.contacts.racing import in_a_thread, wait_for_a_waiter
from tests.parallel import at_once

pytestmark = pytest.mark.django_db(transaction=True)
ONE = builders.phone(1)


def by_hand(*phones: str, scope: str = "all", reason: str = "manual", **more: object) -> int:
    return suppressions.suppress(phones, scope=scope, reason=reason, source="hand", **more)  # type: ignore[arg-type]


def changes() -> list[tuple[str, bool, str]]:
    return list(SuppressionChange.objects.order_by("pk").values_list("phone", "made", "reason"))


def test_a_number_is_suppressed_once_and_written_down_with_who_and_why() -> None:
    user = User.objects.create_user("operator")
    assert by_hand(ONE, ONE, builders.phone(2), user=user, note="asked by phone") == 2
    assert by_hand(ONE, user=user) == 0
    held = Suppression.objects.get(phone=ONE)
    assert (held.scope, held.reason, held.source, held.note) == ("all", "manual", "hand", "asked by phone")
    assert changes() == [(ONE, True, "manual"), (builders.phone(2), True, "manual")]
    assert {change.changed_by for change in SuppressionChange.objects.all()} == {user}


def test_each_reason_stands_by_itself() -> None:
    by_hand(ONE)
    suppressions.suppress([ONE], scope="advertising", reason="blocked", source="delivery report")
    by_hand(ONE, reason="opt_out")
    assert suppressions.lift(Suppression.objects.filter(reason="manual"), source="hand") == 1
    assert set(Suppression.objects.values_list("reason", flat=True)) == {"blocked", "opt_out"}
    assert changes()[-1] == (ONE, False, "manual")


def test_the_scope_of_a_line_is_one_of_each_line() -> None:
    account = builders.account()
    first, second = builders.line(account, "1"), builders.line(account, "2")
    assert by_hand(ONE, scope="line", line=first) == 1
    assert by_hand(ONE, scope="line", line=second) == 1
    assert by_hand(ONE, scope="line", line=first) == 0
    first.delete()
    assert Suppression.objects.get().line == second
    assert SuppressionChange.objects.filter(line=None).count() == 1  # what was written down stays


def test_what_fails_leaves_neither_a_suppression_nor_a_note() -> None:
    with transaction.atomic():
        by_hand(ONE)
        transaction.set_rollback(True)
    assert not Suppression.objects.exists()
    assert not SuppressionChange.objects.exists()


def test_many_that_overlap_at_once_are_made_and_noted_once_each() -> None:
    phones = [builders.phone(n) for n in range(300)]
    at_once(lambda: by_hand(*phones), 2, lambda: by_hand(*phones[::-1]), 2)
    assert Suppression.objects.count() == 300
    assert not SuppressionChange.objects.values("phone").annotate(times=Count("pk")).exclude(times=1).exists()
    assert SuppressionChange.objects.count() == 300


def test_lifting_what_is_gone_changes_nothing() -> None:
    by_hand(ONE)
    assert suppressions.lift(Suppression.objects.of([ONE]), source="hand") == 1
    assert suppressions.lift(Suppression.objects.of([ONE]), source="hand") == 0
    assert len(changes()) == 2


def test_many_are_made_in_as_many_statements_as_few(django_assert_max_num_queries: object) -> None:
    phones = [builders.phone(n) for n in range(3_000)]
    most = 4 if connection.vendor == "postgresql" else 60  # SQLite's inserts go by a thousand values
    with django_assert_max_num_queries(most):  # type: ignore[operator]
        by_hand(*phones)


def test_a_list_of_contacts_tells_who_is_suppressed() -> None:
    builders.contacts(3)
    by_hand(ONE, scope="advertising")
    told: list[Any] = list(Contact.objects.with_suppression().order_by("pk"))
    assert [contact.is_suppressed for contact in told] == [False, True, False]


@pytest.mark.skipif(connection.vendor != "postgresql", reason="plans are PostgreSQL's")
def test_a_page_of_contacts_does_not_read_all_suppressed_numbers() -> None:
    builders.contacts(2_000)
    Suppression.objects.bulk_create(Suppression(phone=builders.phone(n)) for n in range(0, 6_000, 2))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE contacts_contact, contacts_suppression")
    plan = Contact.objects.with_suppression().order_by("-pk")[:50].explain()
    assert "Seq Scan on contacts_suppression" not in plan
    assert "suppression_by_phone" in plan


def test_what_a_reply_makes_while_an_operator_says_it_is_the_operators() -> None:
    if not is_postgres():
        pytest.skip("on SQLite one writes after the other")
    with transaction.atomic():
        suppressions.suppress([ONE], scope="all", reason="opt_out", source="reply")
        thread, errors = in_a_thread(lambda: by_hand(ONE, reason="opt_out"))
        wait_for_a_waiter(thread)
    thread.join(60)
    assert (errors, suppressions.lift_rejoined(Suppression.objects.all())) == ([], 0)
    assert Suppression.objects.get().source == "hand"
