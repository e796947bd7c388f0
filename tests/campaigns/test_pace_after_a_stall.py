"""Turns whose moment passed while every thread was busy are lost: used later they would make a burst."""

from __future__ import annotations

import pytest

from campaigns.sending import dispatch
from providers.sandbox import Sandbox
from tests import builders
from tests.campaigns import lines

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("stall", [0.0, 1.5])
def test_a_slow_second_is_not_made_up_for_by_a_burst(sandbox: Sandbox, settings: object, stall: float) -> None:
    settings.SEND_READ_TIMEOUT = 5.0  # type: ignore[attr-defined]
    sandbox.behaviour.gosms_rate = 0.0
    over = lines.line("gosms", sandbox, of=lines.account("gosms", sandbox, requests_per_second=None))
    campaign = builders.running(over, builders.include(builders.phonebook(builders.contacts(42))))
    dispatch.work(campaign.pk, 0.01)
    if stall:
        sandbox.faults.add("slow", "gosms_send", ordinals=[1, 2, 3, 4], seconds=stall)
    dispatch.work(campaign.pk, 4)
    at = [taken.at for taken in sandbox.ledger.taken]
    most = max(sum(0 <= other - each < 0.95 for other in at) for each in at)
    assert most <= 11, most  # ten a second, and one for the jitter
