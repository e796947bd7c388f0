"""What a campaign's page draws."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest
from django.db.models import F

from campaigns import reporting
from campaigns.models import TimelinePoint
from campaigns.states import MessageStatus
from providers.models import Tariff
from providers.sandbox import Sandbox
from tests import builders


@pytest.mark.django_db
@pytest.mark.parametrize("minutes", [0, 1, 47, 97, 700, 60 * 24 * 90])
def test_a_timeline_keeps_every_message_in_few_even_steps(sandbox: Sandbox, minutes: int) -> None:
    campaign = builders.campaign_of(sandbox, 2)
    start = dt.datetime(2026, 3, 21, 9, 3, tzinfo=dt.UTC)
    for at in (start, start + dt.timedelta(minutes=minutes)):
        point, _made = TimelinePoint.objects.get_or_create(campaign=campaign, at=at, status=MessageStatus.DELIVERED)
        TimelinePoint.objects.filter(pk=point.pk).update(messages=F("messages") + 5)
    course = reporting.timeline(campaign)
    assert len(course.points) <= 51
    assert len({b - a for a, b in itertools.pairwise(course.points)}) == 1
    delivered = next(line.values for line in course.series if line.status is MessageStatus.DELIVERED)
    assert sum(delivered) == 10
    assert delivered[0] == delivered[-1] == 0


@pytest.mark.django_db
def test_an_operators_charge_is_of_its_own_peoples_texts() -> None:
    line = builders.line(builders.account())
    Tariff.objects.create(line=line, rial_per_part=1_000)
    long = builders.contacts(3, first_name="ن" * 80, operator=1)
    short = builders.contacts(1, start=10, first_name="نو", operator=2)
    draft = builders.draft(line, builders.include(builders.phonebook([*long, *short])), text="سلام {first_name}")
    estimate = reporting.estimate(draft, operators=True)
    charges = {charge.operator: (charge.parts, charge.cost) for charge in estimate.charges}
    assert charges == {1: (6, 6_000), 2: (1, 1_000)}
    assert (estimate.parts, estimate.cost, estimate.longest) == (7, 7_000, 2)
