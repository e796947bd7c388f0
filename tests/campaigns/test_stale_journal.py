"""A journal of another database, restored or made anew beside an old spool, under the name of a new attempt."""

from __future__ import annotations

import os
import subprocess

import pytest

from campaigns.models import Message
from campaigns.sending import claiming, journals, owners, reconcile
from campaigns.sending.recording import Ticket
from tests import builders
from tests.campaigns import lines

pytestmark = pytest.mark.django_db(transaction=True)


def owner_that_has_ended() -> str:
    process = subprocess.Popen(["sleep", "60"])
    owner = f"{owners.place()}/{process.pid}/{owners._started(process.pid)}/1"
    process.kill()
    process.wait()
    return owner


@pytest.mark.parametrize("stale", [False, True])
def test_what_had_begun_is_in_doubt_whatever_lay_there_before(stale: bool) -> None:
    owner = owner_that_has_ended()
    assert owners.is_gone(owner)
    campaign = builders.running(lines.line("gosms"), builders.include(builders.phonebook(builders.contacts(12))))
    claimed = claiming.claim(campaign.pk, owner)
    assert isinstance(claimed, claiming.Claim)
    ticket = Ticket(claimed.batch.pk, owner, claimed.batch.attempt)
    if stale:
        old = journals.Journal(ticket._replace(owner="an/earlier/life/1"))
        os.close(old._file)
    journal = journals.Journal(ticket)
    key = Message.objects.in_batch(claimed.batch).order_by("pk").values_list("pk", flat=True)[0]
    journal.begun(key)  # the request is out, and may have been taken
    os.close(journal._file)
    reconcile.expire_leases()
    assert builders.counts(campaign) == {"unknown": 1, "pending": 11}
