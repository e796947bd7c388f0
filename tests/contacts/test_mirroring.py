"""A provider's lists in our tables: paged, resumed, repeated; over real sockets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from django.utils import timezone
from django_q.models import OrmQ

from campaigns.models import AudienceRule, Campaign
from contacts import mirroring, tasks
from contacts.mirroring import running
from contacts.models import JobCategory, Mirroring, Phonebook, ProviderNumber
from providers.models import ProviderAccount, SenderLine
from providers.sandbox import Sandbox, ippanel, ippanel_data, running_sandbox
from tests import builders
from tests.contacts.mirrors import CUSTOMERS, LISTED, customers, figures, keeping, mirrored, tables

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with running_sandbox() as running:
        yield running


@pytest.fixture
def account(sandbox: Sandbox) -> ProviderAccount:
    return keeping(sandbox)


@pytest.fixture
def short_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred numbers a page, so that a phonebook has thirteen pages; and no waiting between attempts."""
    monkeypatch.setattr("providers.backends.ippanel.MAX_PER_PAGE", 100)
    monkeypatch.setattr(running, "FIRST_WAIT", 0.0)


def test_everything_that_the_provider_lists_is_mirrored(account: ProviderAccount) -> None:
    run = mirrored(account)
    assert (run.status, figures(run)) == ("completed", LISTED)
    assert SenderLine.objects.filter(account=account, enabled=True, kind="advertising").count() == 4
    assert Phonebook.objects.get(account=account, provider_ref=CUSTOMERS).size == 1_250
    restaurants = JobCategory.objects.get(account=account, provider_ref="6")
    assert restaurants.parent is not None
    assert restaurants.parent.provider_ref == "3"


def test_a_line_is_made_as_the_provider_describes_it(account: ProviderAccount) -> None:
    mirrored(account)
    line = SenderLine.objects.get(sender="+9850002040")
    assert (line.name, line.part_size, line.channel) == ("خط اطلاع‌رسانی", 66, "sms")


def test_a_second_run_changes_nothing(account: ProviderAccount) -> None:
    mirrored(account, customers(account))
    mirrored(account)
    before = tables()
    run = mirrored(account)
    mirrored(account, Phonebook.objects.get(provider_ref=CUSTOMERS))
    assert tables() == before
    assert run.counts == LISTED


def test_what_the_operator_set_on_a_line_is_never_overwritten(account: ProviderAccount) -> None:
    SenderLine.objects.create(account=account, sender="+98PRO", name="mine", kind="service", enabled=False)
    run = mirrored(account)
    line = SenderLine.objects.get(sender="+98PRO")
    assert (line.name, line.kind, line.enabled) == ("mine", "service", False)
    assert run.counts["lines_new"] == 3


def test_a_line_that_the_provider_does_not_list_is_left(account: ProviderAccount) -> None:
    SenderLine.objects.create(account=account, sender="+98OLD")
    run = mirrored(account)
    assert SenderLine.objects.filter(sender="+98OLD", enabled=True).exists()
    assert "+98OLD" not in run.senders


def test_the_numbers_of_a_phonebook_come_page_by_page(account: ProviderAccount, short_pages: None) -> None:
    phonebook = customers(account)
    run = mirrored(account, phonebook)
    assert (run.status, run.page, run.done, run.counts) == (
        "completed",
        12,
        1_250,
        {"numbers": 1250, "numbers_new": 1250},
    )
    listed = [(str(each.id), f"+{each.phone}") for each in ippanel_data.numbers_of(int(CUSTOMERS))]
    assert list(ProviderNumber.objects.order_by("pk").values_list("provider_ref", "phone")) == listed


def test_chosen_numbers_are_found_by_the_providers_ids(account: ProviderAccount) -> None:
    phonebook = Phonebook.objects.create(account=account, provider_ref="456987", name="autumn")
    mirrored(account, phonebook)
    found = ProviderNumber.objects.filter(phonebook=phonebook, provider_ref__in=["123", "456", "789"])
    assert found.count() == 3


def test_what_changed_at_the_provider_changes_here(account: ProviderAccount) -> None:
    phonebook = customers(account, size=1)
    number = ProviderNumber.objects.create(
        phonebook=phonebook, provider_ref=f"{CUSTOMERS}0000", phone="+989350000000", name="before", seen_in=0
    )
    run = mirrored(account, phonebook)
    mirrored(account)
    number.refresh_from_db()
    phonebook.refresh_from_db()
    assert (number.phone == "+989350000000", number.name == "before") == (False, False)
    assert (phonebook.name, phonebook.size) == ("همه مشتریان", 1_250)
    assert run.counts["numbers_new"] == 1_249


def test_numbers_that_are_gone_are_removed_at_the_end_of_the_pass(account: ProviderAccount) -> None:
    phonebook = customers(account)
    ProviderNumber.objects.create(phonebook=phonebook, provider_ref="1", phone="+989350000000", seen_in=0)
    run = mirrored(account, phonebook)
    assert run.counts["numbers_removed"] == 1
    assert ProviderNumber.objects.count() == 1_250


def test_phonebooks_and_categories_that_are_gone_are_removed(account: ProviderAccount) -> None:
    gone = Phonebook.objects.create(account=account, provider_ref="1", name="gone")
    ProviderNumber.objects.create(phonebook=gone, provider_ref="1", phone="+989350000000", seen_in=0)
    main = JobCategory.objects.create(account=account, provider_ref="99", name="gone")
    JobCategory.objects.create(account=account, provider_ref="98", name="gone", parent=main)
    ours = Phonebook.objects.create(name="ours")
    run = mirrored(account)
    assert (run.counts["phonebooks_removed"], run.counts["categories_removed"]) == (1, 1)
    assert Phonebook.objects.filter(pk=ours.pk).exists()
    assert not ProviderNumber.objects.exists()
    assert JobCategory.objects.count() == 16


def drafted(account: ProviderAccount, **names: Any) -> None:
    """A draft with a rule that names a mirror."""
    line = SenderLine.objects.create(account=account, sender="+98DRAFT")
    draft = Campaign.objects.create(name="draft", line=line)
    kind = "job_category" if "job_category" in names else "phonebook"
    AudienceRule.objects.create(campaign=draft, kind=kind, **names)


def test_a_phonebook_that_a_draft_names_stays_with_a_note(account: ProviderAccount) -> None:
    gone = Phonebook.objects.create(account=account, provider_ref="1", name="gone")
    drafted(account, phonebook=gone)
    run = mirrored(account)
    gone.refresh_from_db()
    assert gone.gone_since is not None
    assert (run.status, run.counts["phonebooks_gone"]) == ("completed", 1)
    since = gone.gone_since
    mirrored(account)
    gone.refresh_from_db()
    assert gone.gone_since == since


def test_a_main_category_stays_for_the_sake_of_a_sub_category_that_a_draft_names(account: ProviderAccount) -> None:
    main = JobCategory.objects.create(account=account, provider_ref="99", name="gone")
    named = JobCategory.objects.create(account=account, provider_ref="98", name="named", parent=main)
    JobCategory.objects.create(account=account, provider_ref="97", name="not named", parent=main)
    drafted(account, job_category=named)
    mirrored(account)
    left = JobCategory.objects.filter(account=account, gone_since__isnull=False)
    assert set(left.values_list("name", flat=True)) == {"gone", "named"}
    assert not JobCategory.objects.filter(name="not named").exists()


def test_what_comes_back_loses_its_note(account: ProviderAccount) -> None:
    back = customers(account, gone_since=timezone.now())
    mirrored(account)
    back.refresh_from_db()
    assert back.gone_since is None


def test_a_list_that_changes_on_the_way_costs_nobody_his_row(
    account: ProviderAccount, sandbox: Sandbox, short_pages: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One number is deleted there after its page was read: all later ones move up, and one is never seen."""
    phonebook = customers(account)
    mirrored(account, phonebook)
    run = mirroring.start(account, phonebook=phonebook, in_background=False)
    mirroring.run(run.pk, deadline=0.0)
    rest = ippanel_data.numbers_of(int(CUSTOMERS))[1:]
    monkeypatch.setattr(ippanel, "numbers_of", lambda _book: rest)
    mirroring.run(run.pk)
    run.refresh_from_db()
    assert (run.status, run.counts["shifted"]) == ("completed", ["numbers"])
    assert ProviderNumber.objects.count() == 1_250


def test_a_slice_ends_after_a_page_and_the_next_goes_on(account: ProviderAccount, short_pages: None) -> None:
    run = mirroring.start(account, phonebook=customers(account), in_background=False)
    slices = 1
    while not mirroring.run(run.pk, deadline=0.0):
        run.refresh_from_db()
        assert (run.page, ProviderNumber.objects.count()) == (slices, slices * 100)
        slices += 1
    assert slices == 13


def test_a_task_rings_for_the_next_slice(
    account: ProviderAccount, short_pages: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "SLICE", 0.0)
    run = mirroring.start(account, phonebook=customers(account))
    tasks.run_mirroring(run.pk)
    assert [task.task["func"] for task in OrmQ.objects.all()] == ["contacts.tasks.run_mirroring"] * 2


def test_two_at_once_for_one_account_are_refused(account: ProviderAccount) -> None:
    mirroring.start(account, in_background=False)
    with pytest.raises(mirroring.CannotMirror):
        mirroring.start(account, in_background=False)
    assert Mirroring.objects.count() == 1


def test_two_at_once_for_one_phonebook_are_refused(account: ProviderAccount) -> None:
    phonebook = customers(account)
    mirroring.start(account, phonebook=phonebook, in_background=False)
    mirroring.start(account, in_background=False)  # its account may be mirrored meanwhile
    with pytest.raises(mirroring.CannotMirror):
        mirroring.start(account, phonebook=phonebook, in_background=False)


def test_a_run_that_another_worker_holds_is_left_to_it(account: ProviderAccount, sandbox: Sandbox) -> None:
    run = mirroring.start(account, in_background=False)
    Mirroring.objects.update(owner="another", lease_until=Now() + timedelta(seconds=30))
    assert mirroring.run(run.pk)
    assert sandbox.ledger.counters["calls_ippanel_lines"] == 0


def test_a_provider_that_keeps_no_lists_has_nothing_to_mirror() -> None:
    with pytest.raises(mirroring.CannotMirror):
        mirroring.start(builders.account())
