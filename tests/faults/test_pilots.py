"""A pilot among killed workers and several at once: not one recipient beyond it before the word, all of them after."""

from __future__ import annotations

import pytest

from campaigns import lifecycle, ringing
from campaigns.models import AuditEntry, Campaign
from campaigns.sending import pilots
from campaigns.states import CampaignStatus
from providers.sandbox import Sandbox
from tests import builders
from tests.faults.conftest import Processes, until
from tests.faults.nursery import Nursery
from tests.faults.test_crashes import POINTS, crash, recover

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]
PILOT, ALL = 12, 32  # in requests of 2, 10 | 8, 10, 2


def taken(sandbox: Sandbox) -> set[int]:
    return {int(number) for number in sandbox.ledger.acceptances()}


def first(number: int) -> set[int]:
    return {int(builders.phone(n)) for n in range(number)}


def waits(campaign: Campaign) -> bool:
    return builders.refreshed(campaign).pause_code == pilots.OUT


def let_the_pilot_end(campaign: Campaign) -> None:
    """A doubt in it asks first; a word on that is none on the pilot."""
    builders.send_all(campaign)
    if builders.refreshed(campaign).pause_code == pilots.UNCLEAR:
        lifecycle.resume(campaign.pk)
        builders.send_all(campaign)
    assert waits(campaign)


@pytest.mark.parametrize("call", [1, 2])
@pytest.mark.parametrize("point", POINTS)
def test_a_worker_killed_in_the_pilot_lets_nothing_beyond_it_out(
    sandbox: Sandbox, processes: Processes, point: str, call: int
) -> None:
    campaign = builders.campaign_of(sandbox, ALL, pilot_size=PILOT)
    crash(processes, point, campaign, call=call)
    recover()
    let_the_pilot_end(campaign)
    unclear = builders.counts(campaign).get("unknown", 0)
    assert taken(sandbox) <= first(PILOT)
    assert len(taken(sandbox)) >= PILOT - unclear
    lifecycle.resume(campaign.pk)
    builders.send_all(campaign)
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL
    assert builders.counts(campaign) == {"accepted": ALL - unclear} | ({"unknown": unclear} if unclear else {})


@pytest.mark.parametrize("point", ["after_the_claim", "after_the_answer", "after_the_record"])
def test_a_worker_killed_right_after_the_word_doubles_nothing(
    sandbox: Sandbox, processes: Processes, point: str
) -> None:
    campaign = builders.campaign_of(sandbox, ALL, pilot_size=PILOT)
    builders.send_all(campaign)
    lifecycle.resume(campaign.pk)
    crash(processes, point, campaign, call=1)
    recover()
    builders.send_all(campaign)
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL
    counts = builders.counts(campaign)
    assert counts["accepted"] + counts.get("unknown", 0) == ALL


def test_two_workers_stop_at_the_pilot_and_two_words_count_once(sandbox: Sandbox, processes: Processes) -> None:
    sandbox.faults.add("slow", "send", seconds=0.05)
    campaign = builders.campaign_of(sandbox, 402, pilot_size=197)
    for end in (197, 402):
        both = [processes.start("-m", "tests.faults.worker", "none", 1, campaign.pk) for _ in range(2)]
        assert [process.wait(60) for process in both] == [0, 0]
        lifecycle.finish(campaign.pk)
        assert taken(sandbox) == first(end)
        if end < 402:
            words = [processes.start("manage.py", "campaign", "resume", campaign.pk) for _ in range(2)]
            assert sorted(process.wait(60) for process in words) == [0, 1]
    assert AuditEntry.objects.filter(action="pilot_released").count() == 1
    assert builders.counts(campaign) == {"accepted": 402}
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL


def test_workers_killed_by_the_dozen_never_go_beyond_the_pilot(sandbox: Sandbox, processes: Processes) -> None:
    """Each worker dies at its first or second request; what any of them leaves behind, the next one finds."""
    campaign = builders.campaign_of(sandbox, 602, batch_size=5, pilot_size=301)
    with Nursery(processes.environment) as nursery:
        points = [point for point in POINTS if point not in ("before_the_claim_commits", "before_the_body")]
        for round_ in range(60):
            point = points[round_ % len(points)]
            for occurrence in (2, 3):
                nursery.fork(campaign=campaign.pk, point=point, occurrence=occurrence, seconds=5)
            nursery.wait()
            recover()
            lifecycle.finish(campaign.pk)
            if builders.refreshed(campaign).pause_code == pilots.UNCLEAR:
                lifecycle.resume(campaign.pk)
            if waits(campaign):
                break
    let_the_pilot_end(campaign)
    assert taken(sandbox) <= first(301)
    assert builders.counts(campaign)["pending"] == 301
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL


def test_the_worker_holds_a_pilot_by_itself_and_goes_on_at_the_word(sandbox: Sandbox, processes: Processes) -> None:
    campaign = builders.campaign_of(sandbox, 52, pilot_size=15)
    processes.start("manage.py", "worker")
    until(lambda: waits(campaign), 90)
    assert taken(sandbox) == first(15)
    assert processes.start("manage.py", "campaign", "resume", campaign.pk).wait(60) == 0
    until(lambda: builders.refreshed(campaign).status == CampaignStatus.COMPLETED, 60)
    assert taken(sandbox) == first(52)
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL


def test_the_tick_holds_what_a_killed_worker_left_running(sandbox: Sandbox, processes: Processes) -> None:
    campaign = builders.campaign_of(sandbox, ALL, pilot_size=PILOT)
    crash(processes, "after_the_record", campaign, call=2)
    assert builders.refreshed(campaign).status == CampaignStatus.RUNNING
    ringing.sendable()
    assert waits(campaign)
