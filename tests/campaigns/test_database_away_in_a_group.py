"""The database goes away while a group's requests are out, and comes back: the next ticks go on at once."""

from __future__ import annotations

import contextlib

import pytest
from django.db import DatabaseError

from campaigns.models import Batch
from campaigns.sending import answers, dispatch, reconcile
from providers.models import ProviderAccount
from providers.sandbox import Sandbox
from tests import builders
from tests.campaigns import lines
from tests.outage import outage

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("slug", ["najva", "gosms", "safir"])
def test_it_goes_on_at_once_when_the_database_is_back(
    sandbox: Sandbox, slug: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "FRESH_ANSWER", 0.0)
    sandbox.behaviour.gosms_rate = lines.FAST
    over = lines.line(slug, sandbox)
    campaign = builders.running(over, builders.include(builders.phonebook(builders.contacts(22))))
    with outage(lambda sql: len(sandbox.ledger.taken) > 0), contextlib.suppress(DatabaseError):
        dispatch.work(campaign.pk, 5)
    assert Batch.objects.in_flight().exists()
    reconcile.sweep_answers()  # a tick
    reconcile.expire_leases()
    Batch.objects.update(not_before=None)  # some seconds later
    ProviderAccount.objects.update(next_request_at=None)
    builders.send_all(campaign)
    assert not list(answers.spool.files())
    assert builders.counts(campaign) == {"accepted": 22}  # I8: progress within 60 s; the lease is 200
