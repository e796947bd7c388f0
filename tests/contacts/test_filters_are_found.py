"""PostgreSQL: a filter that few meet, or words that many have, lead to their contacts without a look at all of them."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from contacts.filtering import NEAR, ContactFilter
from contacts.models import Contact
from tests import builders

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="plans are PostgreSQL's"),
]
MANY = 3 * NEAR
FEW = 5
FILL = """
    INSERT INTO contacts_contact (phone, first_name, last_name, attributes, operator, created_at, updated_at)
    SELECT 989300000000 + i, 'سارا', 'محمدی', '{"city": "تهران"}', 1, now(), now() FROM generate_series(1, %s) AS i
"""


@pytest.fixture
def few() -> list[Contact]:
    """The first contacts, of an operator of their own and not on Bale, before many that are not."""
    made = builders.contacts(FEW, first_name="زرین", operator=2)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE contacts_contact SET not_on_bale_since = now()")
        cursor.execute(FILL, [MANY])
        cursor.execute("ANALYZE contacts_contact")
    return made


def plans_of(query: dict[str, str]) -> tuple[list[Contact], list[str]]:
    """The rows of a list's page, and how its statements on contacts are run."""
    with CaptureQueriesContext(connection) as captured:
        rows = ContactFilter.read(query).page(Contact.objects.all(), query).rows
    plans = []
    for statement in (it["sql"] for it in captured if 'FROM "contacts_contact"' in it["sql"]):
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF) {statement.replace('%', '%%')}", [])
            plans.append("\n".join(row[0] for row in cursor.fetchall()))
    return rows, plans


@pytest.mark.parametrize("query", [{"operator": "2"}, {"bale": "off"}, {"operator": "2", "q": "زرین"}])
def test_the_few_who_meet_a_filter_are_found(few: list[Contact], query: dict[str, str]) -> None:
    rows, plans = plans_of(query)
    assert {it.pk for it in rows} == {it.pk for it in few}
    assert plans
    assert not [plan for plan in plans if "Seq Scan" in plan]


@pytest.mark.parametrize("query", [{"operator": "13"}, {"since": "2099-01-01"}, {"import": "7"}])
def test_that_nobody_meets_a_filter_is_found(few: list[Contact], query: dict[str, str]) -> None:
    rows, plans = plans_of(query)
    assert rows == []
    assert plans
    assert not [plan for plan in plans if "Seq Scan" in plan]


def test_of_words_that_many_have_together_only_the_nearest_are_looked_at(few: list[Contact]) -> None:
    rows, plans = plans_of({"q": "سارا محمدی تهران"})
    assert len(rows) == 50
    looked_at = [float(number) for plan in plans for number in re.findall(r"actual rows=([0-9.]+)", plan)]
    assert max(looked_at) <= 51
