"""What goes wrong while a provider's lists are fetched, and the sentence that a person gets."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from cryptography.fernet import Fernet
from django.utils import translation
from pytest_django.fixtures import Settings

from contacts import mirroring
from contacts.mirroring import running
from contacts.models import Mirroring, Phonebook
from providers.answers import Outcome
from providers.models import ProviderAccount
from providers.sandbox import Sandbox, running_sandbox
from tests.browser.product import until
from tests.contacts.mirrors import LISTED, TOKEN, customers, figures, keeping, mirrored
from tests.parallel import at_once

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with running_sandbox() as running:
        yield running


@pytest.fixture
def account(sandbox: Sandbox) -> ProviderAccount:
    return keeping(sandbox)


@pytest.fixture(autouse=True)
def _no_waiting_and_english(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(running, "FIRST_WAIT", 0.0)
    with translation.override("en"):
        yield


def sentence(run: Mirroring) -> str:
    failure = mirroring.failure(run)
    assert failure is not None
    assert failure.next_step
    return failure.meaning


@pytest.mark.parametrize(
    ("kind", "asked", "words"),
    [
        ("bad_token", 1, "does not accept the request"),
        ("bad_request", 1, "field of the request"),
        ("html", 3, "web page"),
        ("500", 3, "error of its own"),
        ("truncated", 3, "not what the provider's document describes"),
        ("empty", 3, "not what the provider's document describes"),
        ("close_after_accept", 3, "broke off"),
    ],
)
def test_what_the_provider_does_wrong_becomes_a_sentence(
    account: ProviderAccount, sandbox: Sandbox, kind: str, asked: int, words: str
) -> None:
    sandbox.faults.add(kind, "ippanel_phonebooks")
    run = mirrored(account)
    assert (run.status, run.stage) == ("failed", "phonebooks")
    assert sandbox.ledger.counters["calls_ippanel_phonebooks"] == asked
    assert words in sentence(run)
    assert figures(run)["lines"] == 4  # what came before it is in


def test_a_dead_host_is_told_as_such() -> None:
    run = mirrored(keeping())
    assert (run.status, run.error) == ("failed", "connection_refused")
    assert "refuses connections" in sentence(run)


def test_the_providers_own_words_stand_beside_the_sentence(account: ProviderAccount, sandbox: Sandbox) -> None:
    sandbox.behaviour.tokens = ["another"]
    run = mirrored(account)
    failure = mirroring.failure(run)
    assert failure is not None
    assert failure.words == "اطلاعات وارد شده صحیح نمی باشد"


@pytest.mark.parametrize("kind", ["500", "html", "429", "cut", "reset"])
def test_one_failure_on_the_way_is_got_over(account: ProviderAccount, sandbox: Sandbox, kind: str) -> None:
    sandbox.faults.add(kind, "ippanel_categories", times=1)
    run = mirrored(account)
    assert (run.status, run.attempts, figures(run)) == ("completed", 0, LISTED)


def test_a_provider_that_keeps_asking_for_patience_is_left_in_peace(
    account: ProviderAccount, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(running.PATIENCE, Outcome.RETRYABLE, 2)
    sandbox.faults.add("429", "ippanel_lines")
    run = mirrored(account)
    assert sandbox.ledger.counters["calls_ippanel_lines"] == 2
    assert "left in peace" in sentence(run)


def test_a_long_wait_frees_the_worker_and_is_taken_up_later(
    account: ProviderAccount, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "SHORT_WAIT", 0.0)
    sandbox.faults.add("429", "ippanel_lines", times=1)
    run = mirrored(account)
    assert (run.status, run.owner, run.attempts) == ("running", "", 1)
    assert not Mirroring.objects.stalled()  # not before its time
    Mirroring.objects.update(lease_until=None)
    assert mirroring.run(run.pk)
    run.refresh_from_db()
    assert run.status == "completed"


def test_the_pace_of_the_account_is_kept(account: ProviderAccount, sandbox: Sandbox) -> None:
    ProviderAccount.objects.update(requests_per_second=0.01)
    run = mirrored(account)
    assert (run.status, run.page, run.attempts) == ("running", 0, 0)
    assert sandbox.ledger.counters["calls_ippanel_lines"] == 1


def test_credentials_that_do_not_open_are_a_sentence(settings: Settings) -> None:
    account = keeping()
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    assert "encryption keys" in sentence(mirrored(account))


def test_a_page_that_kills_every_worker_is_given_up(account: ProviderAccount, sandbox: Sandbox) -> None:
    run = mirroring.start(account, in_background=False)
    Mirroring.objects.update(owner="dead", attempts=running.DEATHS - 1)
    assert mirroring.run(run.pk)
    run.refresh_from_db()
    assert "again and again" in sentence(run)
    assert sandbox.ledger.counters["calls_ippanel_lines"] == 0


def test_a_failed_run_makes_way_for_the_next(account: ProviderAccount, sandbox: Sandbox) -> None:
    sandbox.faults.add("bad_token", "ippanel_subcategories", times=1)
    assert mirrored(account).status == "failed"
    assert mirrored(account).status == "completed"


def test_a_phonebook_that_goes_takes_its_running_pass_with_it(account: ProviderAccount) -> None:
    gone = Phonebook.objects.create(account=account, provider_ref="1", name="gone")
    run = mirroring.start(account, phonebook=gone, in_background=False)
    mirrored(account)
    assert mirroring.run(run.pk)
    assert not Mirroring.objects.filter(pk=run.pk).exists()


def test_a_worker_whose_run_goes_to_another_meanwhile_writes_nothing(
    account: ProviderAccount, sandbox: Sandbox
) -> None:
    """The other one takes it while the first waits for its answer: no transaction of the first is in its way."""
    sandbox.faults.add("slow", "ippanel_numbers", seconds=1.0)
    run = mirroring.start(account, phonebook=customers(account), in_background=False)

    def take() -> bool:
        until(lambda: sandbox.ledger.counters["calls_ippanel_numbers"] or None, "the call")
        return Mirroring.objects.update(owner="another") == 1

    assert at_once(lambda: mirroring.run(run.pk), 1, take, 1) == [True, True]
    run.refresh_from_db()
    assert (run.page, run.counts, run.owner) == (0, {}, "another")


def test_two_workers_that_are_rung_for_one_run_ask_for_each_page_once(
    account: ProviderAccount, sandbox: Sandbox
) -> None:
    run = mirroring.start(account, in_background=False)
    assert at_once(lambda: mirroring.run(run.pk), 3) == [True, True, True]
    run.refresh_from_db()
    assert (run.status, figures(run)) == ("completed", LISTED)
    assert sandbox.ledger.counters["calls_ippanel_subcategories"] == 4


def test_no_secret_stands_in_a_log_or_a_failure(
    account: ProviderAccount, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    sandbox.faults.add("bad_token", "ippanel_lines")
    run = mirrored(account)
    assert TOKEN not in f"{caplog.text} {run!r} {mirroring.failure(run)!r} {Mirroring.objects.values().get()}"
