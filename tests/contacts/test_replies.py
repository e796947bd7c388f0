"""Replies that come in: 11 stops, 12 rejoins, once and in their order, whatever way they are read."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from pytest_django.fixtures import Settings

from contacts import replies, suppressions
from contacts.models import OptOutReply, ReplyInbox, Suppression, SuppressionChange
from contacts.replies import looking
from contacts.replies.settling import take
from providers.keeping import Reply
from providers.models import ProviderAccount
from providers.sandbox import Sandbox, running_sandbox
from tests import builders
from tests.contacts.inboxes import SENDER, listening, looked, stopped, written

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with running_sandbox() as running:
        yield running


@pytest.fixture
def account(sandbox: Sandbox) -> ProviderAccount:
    return listening(sandbox)


def test_a_reply_of_11_stops_advertising_and_12_takes_it_back(sandbox: Sandbox, account: ProviderAccount) -> None:
    written(sandbox, (1, "۱۱"), (2, "11."), (3, "سلام، قیمت ۱۱ عدد؟"))
    looked(account)
    assert stopped() == {(builders.phone(n), "advertising", "reply") for n in (1, 2)}
    written(sandbox, (1, "١٢"))
    inbox = looked(account)
    assert stopped() == {(builders.phone(2), "advertising", "reply")}
    assert (inbox.stops, inbox.rejoins, inbox.others, inbox.error) == (2, 1, 1, "")
    assert inbox.looked_at
    assert inbox.last_reply_at


def test_11_then_12_then_11_ends_stopped(sandbox: Sandbox, account: ProviderAccount) -> None:
    written(sandbox, (1, "11"), (1, "12"), (1, "11"), (2, "11"), (2, "11"), (2, "12"))
    looked(account)
    assert {phone for phone, _scope, _source in stopped()} == {builders.phone(1)}


def test_the_last_word_counts_in_whatever_order_and_how_often_replies_are_read(account: ProviderAccount) -> None:
    dice = random.Random(11)
    for round_ in range(6):
        said = [(n, dice.choice(["11", "12", "سلام"])) for n in range(6) for _ in range(4)]
        texts = [Reply(str(round_ * 100 + at), builders.phone(n), SENDER, text) for at, (n, text) in enumerate(said, 1)]
        for page in (dice.sample(texts, 10), dice.sample(texts, len(texts)), texts[::-1]):
            take(account, page)
        last = {reply.phone: reply.text for reply in texts if reply.text != "سلام"}
        expected = {phone for phone, text in last.items() if text == "11"}
        silent = {builders.phone(n) for n in range(6)} - set(last)
        assert {phone for phone, _scope, _source in stopped()} - silent == expected


def test_a_look_that_is_cut_short_is_gone_on_with(
    sandbox: Sandbox, account: ProviderAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("providers.backends.ippanel.IPPanel.per_page", 10)
    written(sandbox, *[(n, "11") for n in range(35)])
    assert not replies.look(account.pk, deadline=0.0)
    assert OptOutReply.objects.count() == 10
    written(sandbox, (0, "12"), *[(n, "11") for n in range(40, 43)])  # meanwhile, so that pages shift
    looked(account)
    looked(account)
    assert len(stopped()) == 37
    assert OptOutReply.objects.count() == 39


def test_a_page_without_a_readable_reply_does_not_hide_those_after_it(
    sandbox: Sandbox, account: ProviderAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("providers.backends.ippanel.IPPanel.per_page", 5)
    written(sandbox, *[(n, "11") for n in range(7)])
    sandbox.behaviour.inbox += [{"from": "", "number": "", "message": "", "messages_inbox_id": "?"}] * 5
    looked(account)
    assert len(stopped()) == 7


def test_an_inbox_is_read_again_from_a_little_before_its_end(
    sandbox: Sandbox, account: ProviderAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "OVERLAP", 5)
    written(sandbox, *[(n, "11") for n in range(20)])
    looked(account)
    inbox = looked(account)
    assert inbox.cursor == 15
    assert OptOutReply.objects.count() == 20
    assert SuppressionChange.objects.count() == 20


def test_nothing_is_kept_of_what_is_no_opt_out(sandbox: Sandbox, account: ProviderAccount) -> None:
    written(sandbox, (1, "سلام، کی می‌رسد؟"), (2, "لغو ۱۱"))
    looked(account)
    rows = OptOutReply.objects.order_by("provider_ref").values_list("said", "phone", "text")
    assert list(rows) == [("other", None, ""), ("stop", builders.phone(2), "لغو ۱۱")]


def test_12_lifts_neither_what_is_by_hand_nor_what_a_provider_reported(
    sandbox: Sandbox, account: ProviderAccount
) -> None:
    phone = builders.phone(1)
    for reason, source in [("manual", "hand"), ("blocked", "delivery report")]:
        suppressions.suppress([phone], scope="advertising", reason=reason, source=source)
    written(sandbox, (1, "11"))
    looked(account)
    assert Suppression.objects.count() == 3
    written(sandbox, (1, "12"))
    looked(account)
    assert stopped() == {(phone, "advertising", "hand"), (phone, "advertising", "delivery report")}


def test_an_opt_out_that_an_operator_noted_too_is_not_lifted_by_12(sandbox: Sandbox, account: ProviderAccount) -> None:
    written(sandbox, (1, "11"))
    looked(account)
    suppressions.suppress([builders.phone(1)], scope="advertising", reason="opt_out", source="hand", note="by phone")
    written(sandbox, (1, "12"))
    looked(account)
    assert stopped() == {(builders.phone(1), "advertising", "hand")}


def test_what_an_operator_lifted_is_not_brought_back_by_reading_again(
    sandbox: Sandbox, account: ProviderAccount
) -> None:
    written(sandbox, (1, "11"))
    looked(account)
    suppressions.lift(Suppression.objects.all(), source="hand")
    looked(account)
    assert stopped() == set()
    written(sandbox, (1, "11"))
    looked(account)
    assert len(stopped()) == 1


@pytest.mark.parametrize(("scope", "kept"), [("all", "all"), ("advertising", "advertising"), ("line", "line")])
def test_what_a_stop_holds_for_is_a_setting(
    sandbox: Sandbox, account: ProviderAccount, settings: Settings, scope: str, kept: str
) -> None:
    settings.OPT_OUT_SCOPE = scope
    written(sandbox, (1, "11"))
    looked(account)
    held = Suppression.objects.get()
    assert (held.scope, held.line) == (kept, account.lines.get() if scope == "line" else None)
    written(sandbox, (1, "12"))
    looked(account)
    assert stopped() == set()


def test_by_line_a_stop_on_a_line_that_we_do_not_have_holds_for_advertising(
    sandbox: Sandbox, account: ProviderAccount, settings: Settings
) -> None:
    settings.OPT_OUT_SCOPE = "line"
    written(sandbox, (1, "11"), to="+98PRO")
    written(sandbox, (2, "11"), to="3000505")
    written(sandbox, (1, "12"))  # to another line than it stopped
    looked(account)
    assert {(phone, scope) for phone, scope, _source in stopped()} == {
        (builders.phone(1), "advertising"),
        (builders.phone(2), "line"),
    }


def test_a_12_to_one_account_leaves_an_11_to_another(sandbox: Sandbox, account: ProviderAccount) -> None:
    with running_sandbox() as elsewhere:
        other = listening(elsewhere, "another")
        written(sandbox, (1, "11"))
        written(elsewhere, (1, "11"), (1, "12"))
        looked(account)
        looked(other)
        assert len(stopped()) == 1
        written(sandbox, (1, "12"))
        looked(account)
        assert stopped() == set()


def test_the_answer_of_a_service_without_a_number_stops_nobody(sandbox: Sandbox, account: ProviderAccount) -> None:
    sandbox.behaviour.inbox = [{"from": "MCI", "number": SENDER, "message": "11"}]
    assert looked(account).stops == 1
    assert stopped() == set()


def test_two_workers_do_not_read_one_inbox_at_once(sandbox: Sandbox, account: ProviderAccount) -> None:
    written(sandbox, (1, "11"))
    ReplyInbox.objects.update(owner="another", lease_until="2100-01-01T00:00Z")
    assert replies.look(account.pk)
    assert not OptOutReply.objects.exists()
