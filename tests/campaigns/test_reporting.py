"""What a campaign's page draws."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest
from django.db.models import F

from campaigns import reporting
from campaigns.models import TimelinePoint
from campaigns.states import MessageStatus
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
