"""The disk of the spool is full (a file-size limit stands for it) while groups go out; PostgreSQL has its own."""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Iterator

import pytest
from django.db import connection

from campaigns.models import Batch
from campaigns.sending import dispatch, journals, reconcile
from providers.models import ProviderAccount
from providers.sandbox import Sandbox
from tests import builders
from tests.campaigns import lines

pytestmark = pytest.mark.django_db(transaction=True)


@contextlib.contextmanager
def no_room(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [0, 100, 150, 180, 220, 400, 900])
def test_nobody_is_lost_or_sent_twice(sandbox: Sandbox, size: int) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("the limit would hold for SQLite's file too")
    sandbox.behaviour.gosms_rate = lines.FAST
    over = lines.line("gosms", sandbox)
    campaign = builders.running(over, builders.include(builders.phonebook(builders.contacts(12))))
    for _ in range(3):
        with no_room(size):
            dispatch.work(campaign.pk, 0.01)
        Batch.objects.update(not_before=None)
        ProviderAccount.objects.update(next_request_at=None)
    reconcile.expire_leases()
    for _ in range(3):
        builders.send_all(campaign)
    assert builders.counts(campaign) == {"accepted": 12}
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL
    reconcile.expire_leases()
    assert not list(journals.spool.files())
