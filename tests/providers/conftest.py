"""The cast: a sandbox, an account of Najva at it, and a receiver of its webhooks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from providers.backends.najva import Najva
from providers.sandbox import Sandbox, running_sandbox
from providers.sandbox.ledger import Behaviour
from tests.providers.webhooks import Receiver, receiving


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with running_sandbox(behaviour=Behaviour(sent_after=0.0, final_after=0.05)) as running:
        yield running


@pytest.fixture
def najva(sandbox: Sandbox) -> Najva:
    return Najva(sandbox.base_url, {"api_token": "token"})


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running
