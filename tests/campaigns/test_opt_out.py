"""Who opted out gets nothing: whatever is imported, whenever it happens, on whichever line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from campaigns.models import Campaign, Message
from campaigns.states import Reason
from contacts import filing, suppressions
from contacts.models import Contact, Phonebook, Suppression
from providers.models import ProviderAccount, SenderLine
from providers.sandbox import Sandbox
from tests import builders
from tests.campaigns import lines
from tests.contacts.files import imported, write
from tests.contacts.inboxes import listening, looked, written

pytestmark = pytest.mark.django_db(transaction=True)
ALWAYS: dict[str, Any] = {
    "kind": "advertising",
    "window_start": "00:00",
    "window_end": "00:00",
    "rests_on_holidays": False,
}


@pytest.fixture
def line(sandbox: Sandbox) -> SenderLine:
    return builders.line(builders.account(sandbox), **ALWAYS)


def stopped(*numbers: int, reason: str = "opt_out", scope: str = "advertising", **more: object) -> None:
    phones = [builders.phone(n) for n in numbers]
    suppressions.suppress(phones, scope=scope, reason=reason, source="hand", **more)  # type: ignore[arg-type]


def skipped(campaign: Campaign) -> dict[str, Reason]:
    rows = Message.objects.of(campaign).filter(status=80).values_list("phone", "reason")
    return {str(phone): Reason(reason) for phone, reason in rows}


def test_no_import_brings_back_who_opted_out(sandbox: Sandbox, line: SenderLine, tmp_path: Path) -> None:
    file = write(tmp_path / "customers.csv", [["موبایل", "نام"], *[[builders.phone(n), "سارا"] for n in range(4)]])
    imported(file)
    account = listening(sandbox)
    written(sandbox, (1, "۱۱"), (2, "لغو"))
    looked(account)
    filing.delete(Contact.objects.get(phone=builders.phone(1)))
    for policy in ("fill", "overwrite", "leave"):
        imported(file, policy=policy)
    assert Suppression.objects.count() == 2
    campaign = builders.running(line, builders.include(Phonebook.objects.get()))
    assert skipped(campaign) == dict.fromkeys([builders.phone(1), builders.phone(2)], Reason.OPTED_OUT)
    builders.send_all(campaign)
    assert {f"+{phone}" for taken in sandbox.ledger.taken for phone in taken.phones} == {
        builders.phone(0),
        builders.phone(3),
    }


def test_who_opts_out_after_the_freeze_gets_nothing_either(sandbox: Sandbox, line: SenderLine) -> None:
    campaign = builders.running(line, builders.include(builders.phonebook(builders.contacts(5))))
    stopped(1)
    stopped(2, reason="manual", scope="all")
    stopped(3, reason="blocked")
    stopped(3, reason="manual", scope="line", line=builders.line(line.account, "90000999"))  # of another line
    builders.send_all(campaign)
    assert skipped(campaign) == {
        builders.phone(1): Reason.OPTED_OUT,
        builders.phone(2): Reason.SUPPRESSED,
        builders.phone(3): Reason.BLOCKS_ADVERTISING,
    }
    assert builders.counts(campaign) == {"accepted": 2, "skipped": 3}


def test_a_line_that_takes_over_is_judged_by_its_own_scopes(sandbox: Sandbox) -> None:
    first = builders.line(builders.account(sandbox, batch_size=10))
    second = lines.line("gosms", sandbox, **ALWAYS)
    campaign = builders.running(
        first, builders.include(builders.phonebook(builders.contacts(4))), failover_line=second, text="{first_name|س}"
    )
    stopped(0)
    stopped(1, scope="line", line=first)
    stopped(2, scope="line", line=second)
    ProviderAccount.objects.filter(pk=first.account_id).update(enabled=False)
    builders.send_all(campaign)
    assert skipped(campaign) == dict.fromkeys([builders.phone(0), builders.phone(2)], Reason.OPTED_OUT)


def test_the_sms_for_who_is_not_on_bale_is_judged_by_the_sms_line(sandbox: Sandbox) -> None:
    sandbox.behaviour.not_on_bale = 1.0
    bale, sms = lines.line("safir", sandbox), lines.line("najva", sandbox, **ALWAYS)
    rule = builders.include(builders.phonebook(builders.contacts(3)))
    stopped(1)
    campaign = builders.running(bale, rule, fallback_line=sms)
    for _ in range(3):
        builders.send_all(campaign)
        builders.time_passes()
    assert skipped(campaign) == {builders.phone(1): Reason.OPTED_OUT}
    assert builders.counts(campaign) == {"accepted": 2, "skipped": 1}
