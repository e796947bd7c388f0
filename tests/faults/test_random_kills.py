"""A dozen kills at random; ``make faults`` has hundreds. The same harness must catch an engine that is wrong."""

from __future__ import annotations

import pytest

from tests.faults.conftest import Processes
from tests.faults.havoc import Havoc, Plan

pytestmark = [
    pytest.mark.faults,
    pytest.mark.slow,
    pytest.mark.timeout(360),
    pytest.mark.django_db(transaction=True),
]


def test_kills_at_random_lose_nobody_and_double_nobody(processes: Processes) -> None:
    outcome = Havoc(Plan(kills=12, seed=7), processes.environment).run()
    assert outcome.well, str(outcome)


def test_the_engine_that_sends_again_when_in_doubt_is_caught(processes: Processes) -> None:
    outcome = Havoc(Plan(kills=8, seed=7, engine="resends"), processes.environment).run()
    assert outcome.tally.doubled, str(outcome)
    assert not outcome.well
