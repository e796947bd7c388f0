"""Who gets nothing from a line, and the precise reason, as a freeze and a claim ask it."""

from __future__ import annotations

from typing import Any

import pytest

from campaigns.sending.suppressed import reason_for, reasons_of
from campaigns.states import Reason
from contacts.models import Contact, Suppression
from providers.models import SenderLine
from tests import builders

pytestmark = pytest.mark.django_db


def in_sql(line: SenderLine) -> dict[str, Reason]:
    rows = Contact.objects.annotate(why=reason_for(line, "phone")).order_by("pk")
    return {phone: Reason(why) for phone, why in rows.values_list("phone", "why") if why}


@pytest.fixture
def lines() -> dict[str, SenderLine]:
    account = builders.account()
    return {
        kind: builders.line(account, sender, kind=kind) for kind, sender in [("advertising", "1"), ("service", "2")]
    }


@pytest.mark.parametrize(
    ("fields", "on_advertising", "on_service"),
    [
        ({"reason": "opt_out", "scope": "advertising"}, Reason.OPTED_OUT, None),
        ({"reason": "blocked", "scope": "advertising"}, Reason.BLOCKS_ADVERTISING, None),
        ({"reason": "manual", "scope": "all"}, Reason.SUPPRESSED, Reason.SUPPRESSED),
        ({"reason": "opt_out", "scope": "all"}, Reason.OPTED_OUT, Reason.OPTED_OUT),
    ],
)
def test_a_suppression_holds_for_the_lines_of_its_scope_with_its_own_reason(
    lines: dict[str, SenderLine], fields: dict[str, str], on_advertising: Reason | None, on_service: Reason | None
) -> None:
    builders.contacts(3)
    Suppression.objects.create(phone=builders.phone(1), **fields)
    for kind, expected in [("advertising", on_advertising), ("service", on_service)]:
        wanted = {} if expected is None else {builders.phone(1): expected}
        assert in_sql(lines[kind]) == wanted
        assert reasons_of(lines[kind], [builders.phone(n) for n in range(3)]) == wanted


def test_the_scope_of_one_line_says_nothing_of_another(lines: dict[str, SenderLine]) -> None:
    builders.contacts(2)
    Suppression.objects.create(phone=builders.phone(0), scope="line", line=lines["service"])
    assert in_sql(lines["service"]) == {builders.phone(0): Reason.SUPPRESSED}
    assert in_sql(lines["advertising"]) == {}


def test_of_several_reasons_the_strongest_is_told(lines: dict[str, SenderLine]) -> None:
    builders.contacts(2)
    line = lines["advertising"]
    given: list[tuple[int, dict[str, Any]]] = [
        (0, {"reason": "blocked", "scope": "advertising"}),
        (0, {"reason": "manual", "scope": "all"}),
        (1, {"reason": "manual", "scope": "all"}),
        (1, {"reason": "opt_out", "scope": "line", "line": line}),
    ]
    for number, fields in given:
        Suppression.objects.create(phone=builders.phone(number), **fields)
    expected = {builders.phone(0): Reason.SUPPRESSED, builders.phone(1): Reason.OPTED_OUT}
    assert in_sql(line) == expected
    assert reasons_of(line, Contact.objects.values("phone")) == expected
