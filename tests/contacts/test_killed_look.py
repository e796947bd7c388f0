"""Workers that are killed while they read an inbox: nobody's last word is lost, and none counts twice."""

from __future__ import annotations

import random
import signal
import subprocess
import sys

import pytest

from contacts.models import OptOutReply, ReplyInbox
from providers.sandbox import running_sandbox
from tests import builders
from tests.contacts.inboxes import listening, looked, stopped, written

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]


def killed(account_id: int, environment: dict[str, str], pages: int) -> None:
    ReplyInbox.objects.update(next_at=None, lease_until=None)
    command = [sys.executable, "-m", "tests.contacts.killed_look", str(account_id), str(pages)]
    ended = subprocess.run(command, env=environment, check=False, capture_output=True, timeout=120)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()


def test_after_kills_on_the_way_the_last_word_of_each_counts(
    process_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("providers.backends.ippanel.IPPanel.per_page", 10)
    dice = random.Random(12)
    said = [(dice.randrange(8), dice.choice(["11", "12", "۱۱"])) for _ in range(45)]
    with running_sandbox() as sandbox:
        account = listening(sandbox)
        for at, pages in ((30, 0), (38, 1), (45, 2)):  # more come in between, so that the pages shift
            written(sandbox, *said[len(sandbox.behaviour.inbox) : at])
            killed(account.pk, process_environment, pages)
        looked(account)
        inbox = looked(account)
    assert {phone for phone, _scope, _source in stopped()} == {
        builders.phone(n) for n, text in dict(said).items() if text != "12"
    }
    assert OptOutReply.objects.count() == inbox.stops + inbox.rejoins == 45
