"""``sync_account``: the interface for scripts."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db.models.functions import Now
from django.utils import translation

from contacts import mirroring
from contacts.models import Mirroring, ProviderNumber
from providers.models import ProviderAccount
from providers.sandbox import Sandbox, running_sandbox
from tests import builders
from tests.contacts.mirrors import CUSTOMERS, LISTED, keeping

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with running_sandbox() as running:
        yield running


@pytest.fixture
def account(sandbox: Sandbox) -> ProviderAccount:
    return keeping(sandbox)


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    with translation.override("en"):
        yield


def synced(name: str, *options: str) -> dict[str, Any]:
    out = StringIO()
    call_command("sync_account", name, "--json", *options, stdout=out)
    answer: dict[str, Any] = json.loads(out.getvalue())
    return answer


def test_it_prints_what_was_fetched_as_one_object(account: ProviderAccount) -> None:
    answer = synced("IPPanel")
    assert list(answer) == ["id", "status", *LISTED]
    assert answer == {"id": Mirroring.objects.get().pk, "status": "completed", **LISTED}


def test_it_fetches_the_numbers_of_a_phonebook_too(account: ProviderAccount) -> None:
    assert synced("IPPanel", "--numbers", CUSTOMERS)["numbers"] == 1_250
    assert ProviderNumber.objects.count() == 1_250


def test_it_goes_on_with_what_a_killed_call_left(account: ProviderAccount) -> None:
    left = mirroring.start(account, in_background=False)
    mirroring.run(left.pk, deadline=0.0)
    assert synced("IPPanel")["id"] == left.pk
    assert Mirroring.objects.count() == 1


def test_a_wait_for_the_provider_is_sat_through(account: ProviderAccount, sandbox: Sandbox) -> None:
    sandbox.faults.add("429", "ippanel_lines", times=1)
    assert synced("IPPanel")["status"] == "completed"


@pytest.mark.parametrize(("name", "words"), [("nobody", "no account"), ("Najva", "keeps no phonebooks")])
def test_an_account_that_it_cannot_fetch_is_a_sentence(name: str, words: str) -> None:
    builders.account()
    with pytest.raises(CommandError, match=words):
        synced(name)
    assert not Mirroring.objects.exists()


def test_a_phonebook_that_the_provider_does_not_have_is_a_sentence(account: ProviderAccount) -> None:
    with pytest.raises(CommandError, match="no phonebook 1"):
        synced("IPPanel", "--numbers", "1")


def test_what_another_worker_is_fetching_is_a_sentence(account: ProviderAccount) -> None:
    mirroring.start(account, in_background=False)
    Mirroring.objects.update(owner="another", lease_until=Now() + timedelta(seconds=30))
    with pytest.raises(CommandError, match="at the moment"):
        synced("IPPanel")


def test_a_failure_is_a_sentence_and_exit_status_1(
    process_environment: dict[str, str], account: ProviderAccount, sandbox: Sandbox
) -> None:
    sandbox.faults.add("bad_token", "ippanel_categories")
    command = [sys.executable, "manage.py", "sync_account", "IPPanel", "--json"]
    ended = subprocess.run(
        command, cwd=settings.BASE_DIR, env=process_environment, check=False, capture_output=True, text=True, timeout=60
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert len(ended.stderr.splitlines()) == 1
