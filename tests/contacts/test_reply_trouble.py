"""What goes wrong while an inbox is read, how it is put off, and how it is told."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone, translation
from django_q.models import OrmQ
from pytest_django.fixtures import Settings

from campaigns import ringing
from contacts import replies
from contacts.models import OptOutReply, ReplyInbox
from providers.models import ProviderAccount
from providers.sandbox import Sandbox, running_sandbox
from tests import builders
from tests.contacts.inboxes import listening, looked, stopped, written

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with running_sandbox() as running:
        yield running


@pytest.fixture
def account(sandbox: Sandbox) -> ProviderAccount:
    return listening(sandbox)


def in_words(inbox: ReplyInbox) -> str:
    with translation.override("en"):
        failure = replies.failure(inbox)
    assert failure is not None
    return failure.meaning


@pytest.mark.parametrize(("kind", "words"), [("html", "web page"), ("500", "error of its own"), ("429", "")])
def test_a_look_in_vain_is_put_off_and_told(sandbox: Sandbox, account: ProviderAccount, kind: str, words: str) -> None:
    written(sandbox, (1, "11"))
    sandbox.faults.add(kind, "ippanel_inbox", times=1)
    inbox = looked(account)
    assert (inbox.attempts, inbox.owner, inbox.looked_at) == (1, "", None)
    assert inbox.next_at
    assert inbox.next_at > timezone.now()
    assert words in in_words(inbox)
    assert account.pk not in replies.due()
    assert looked(account).error == ""
    assert len(stopped()) == 1


def test_a_refused_account_is_asked_rarely(sandbox: Sandbox, account: ProviderAccount) -> None:
    sandbox.behaviour.tokens = ["another"]
    inbox = looked(account)
    assert inbox.next_at
    assert inbox.next_at > timezone.now() + timedelta(minutes=10)
    assert "does not accept" in in_words(inbox)


def test_the_third_look_in_vain_is_an_alarm_without_a_number(
    sandbox: Sandbox, account: ProviderAccount, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox.faults.add("500", "ippanel_inbox")
    written(sandbox, (1, "11"))
    with caplog.at_level(logging.WARNING, "contacts"):
        for _ in range(5):
            looked(account)
    assert [record.getMessage() for record in caplog.records] == [
        f"Account {account.pk}: its inbox cannot be read (500)"
    ]


def test_an_inbox_is_looked_at_again_after_the_interval(
    sandbox: Sandbox, account: ProviderAccount, settings: Settings
) -> None:
    settings.OPT_OUT_INTERVAL = 600.0
    inbox = looked(account)
    assert inbox.next_at
    assert timedelta(minutes=8) < inbox.next_at - timezone.now() < timedelta(minutes=11)
    assert replies.look(account.pk)
    assert sandbox.ledger.counters["calls_ippanel_inbox"] == 1


def test_while_the_breaker_is_open_it_is_looked_at_rarely(sandbox: Sandbox, account: ProviderAccount) -> None:
    ProviderAccount.objects.open_breaker(account.pk, "400-1", "")
    inbox = looked(account)
    assert inbox.next_at
    assert inbox.next_at > timezone.now() + timedelta(minutes=10)


def test_the_pace_of_the_account_is_kept(sandbox: Sandbox, account: ProviderAccount) -> None:
    ProviderAccount.objects.update(requests_per_second=0.01, next_status_at=timezone.now() + timedelta(minutes=5))
    looked(account)
    assert sandbox.ledger.counters["calls_ippanel_inbox"] == 0
    assert account.pk not in replies.due()


def test_the_tick_rings_for_inboxes_of_accounts_that_have_one_and_are_on(
    sandbox: Sandbox, account: ProviderAccount
) -> None:
    builders.account(sandbox, "Najva")
    off = listening(sandbox, "off")
    ProviderAccount.objects.filter(pk=off.pk).update(enabled=False)
    ringing.tick()
    rung = [task.task["args"] for task in OrmQ.objects.all() if "look_for_replies" in task.task["func"]]
    assert rung == [(account.pk,)]


def test_nothing_is_read_where_that_is_switched_off(account: ProviderAccount, settings: Settings) -> None:
    settings.OPT_OUT_INTERVAL = 0.0
    assert replies.due() == []
    assert not OptOutReply.objects.exists()
