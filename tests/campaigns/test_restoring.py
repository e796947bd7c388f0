"""A database that is behind what this machine has seen of it: nothing is sent until somebody says what it is."""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from campaigns import hearts, lifecycle, restoring, ringing, witness
from campaigns.delivery import polling
from campaigns.models import AudienceRule, AuditEntry, Batch, Campaign, Message, ProviderRef, Witness
from campaigns.sending import claiming, dispatch
from campaigns.sending.claiming import Claim, Wait
from campaigns.sending.recording import Ticket, record
from campaigns.states import BatchStatus, CampaignStatus, MessageStatus, Reason
from providers.answers import Outcome, RecipientResult, SendAnswer
from providers.sandbox import Sandbox
from tests import builders
from tests.campaigns import lines

pytestmark = pytest.mark.django_db(transaction=True)
BOOK = AudienceRule(kind=AudienceRule.Kind.PROVIDER, params={"phonebooks": ["123654"], "start": 1, "size": 20})


def set_back(by: int = 1) -> None:
    """What a restored backup is: the row says less than the file."""
    for _ in range(by + 1):
        witness.count()
    Witness.objects.update(counter=1)


def claimed(campaign: Campaign) -> Claim | Wait:
    return claiming.claim(campaign.pk, "here")


def sent_in_part(sandbox: Sandbox, slug: str = "najva", size: int = 22) -> Campaign:
    """A pilot of two has been sent, one batch is out, the rest is pending."""
    sandbox.behaviour.gosms_rate = lines.FAST
    over = lines.line(slug, sandbox, of=lines.account(slug, sandbox, batch_size=10))
    campaign = builders.running(over, builders.include(builders.phonebook(builders.contacts(size))))
    pilot = claimed(campaign)
    assert isinstance(pilot, Claim)
    dispatch.send(pilot)
    assert isinstance(claimed(campaign), Claim)
    return campaign


def test_a_new_installation_sends_without_a_question(sandbox: Sandbox) -> None:
    ringing.tick()
    campaign = builders.campaign_of(sandbox, 12)
    ringing.tick()
    builders.send_all(campaign)
    assert builders.counts(campaign) == {"accepted": 12}
    told, row = witness.read(), Witness.objects.get()
    assert told is not None
    assert (told.epoch, told.counter) == (str(row.epoch), row.counter)


def test_every_slice_of_sending_counts_so_that_a_backup_from_its_midst_is_noticed(sandbox: Sandbox) -> None:
    witness.count()
    campaign = builders.campaign_of(sandbox, 12)
    builders.send_all(campaign)
    assert Witness.objects.get().counter == 2


def test_a_database_set_back_claims_nothing_and_starts_nothing(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    campaign = builders.campaign_of(sandbox, 12)
    due = builders.draft(campaign.line, builders.include(builders.phonebook(builders.contacts(2, 50), "b")))
    Campaign.objects.move(due.pk, CampaignStatus.SCHEDULED, scheduled_at=timezone.now() - dt.timedelta(minutes=1))
    set_back()
    assert claimed(campaign) == Wait("restored")
    with caplog.at_level(logging.ERROR):
        ringing.tick()
        ringing.tick()
    assert builders.send_all(campaign) == "restored"
    assert not sandbox.ledger.acceptances()
    assert builders.refreshed(due).status == CampaignStatus.SCHEDULED
    assert [record.message for record in caplog.records if "restored" in record.message] == [
        "The database was restored, copied or failed over (behind): nothing is sent until confirmed"
    ]


def test_a_campaign_that_was_being_prepared_waits_and_a_draft_cannot_be_launched() -> None:
    over = builders.line(builders.account())
    book = builders.phonebook(builders.contacts(2))
    preparing, draft = (builders.draft(over, builders.include(book)) for _ in range(2))
    lifecycle.launch(preparing.pk)
    set_back()
    ringing.tick()
    assert not lifecycle.prepare(preparing.pk)
    with pytest.raises(lifecycle.NotAllowed):
        lifecycle.launch(draft.pk)


def test_a_lost_file_is_written_anew(settings: Settings, sandbox: Sandbox) -> None:
    campaign = builders.campaign_of(sandbox, 2)
    witness.count()
    Path(settings.WITNESS_FILE).unlink()
    builders.send_all(campaign)
    assert witness.read() is not None
    assert builders.counts(campaign) == {"accepted": 2}


def test_a_file_that_cannot_be_understood_is_none(settings: Settings) -> None:
    witness.count()
    Path(settings.WITNESS_FILE).write_text("{")
    assert not witness.doubt()
    witness.count()
    told = witness.read()
    assert told is not None
    assert told.counter == 2


def test_a_count_that_was_rolled_back_never_reaches_the_file() -> None:
    witness.count()
    with transaction.atomic():
        witness.count()
        transaction.set_rollback(True)
    told = witness.read()
    assert told is not None
    assert told.counter == 1
    assert not witness.doubt()


def test_an_empty_database_beside_the_file_of_another_is_believed() -> None:
    for _ in range(3):
        witness.count()
    Witness.objects.all().delete()
    assert not witness.doubt()
    witness.count()
    assert not witness.doubt()


def test_a_database_with_a_past_beside_the_file_of_another_is_not() -> None:
    for _ in range(3):
        witness.count()
    Witness.objects.all().delete()
    Witness.objects.create(pk=1, counter=9)
    assert witness.doubt() == Witness.Doubt.FOREIGN


@pytest.mark.parametrize("part", ["system", "database", "timeline"])
def test_another_server_than_before_is_noticed_without_a_file(part: str, settings: Settings) -> None:
    witness.count()
    row = Witness.objects.get()
    if connection.vendor != "postgresql":
        assert row.identity == {}
        return
    assert set(row.identity) == {"system", "database", "timeline"}
    Path(settings.WITNESS_FILE).unlink()
    Witness.objects.update(identity=row.identity | {part: "another"})
    assert witness.doubt() == part
    Witness.objects.update(identity={key: value for key, value in row.identity.items() if key != part})
    assert not witness.doubt()  # what may not be asked is not compared


def test_sent_meanwhile_makes_everything_that_was_open_unclear_and_stops_what_could_start(sandbox: Sandbox) -> None:
    campaign = sent_in_part(sandbox)
    book = builders.phonebook(builders.contacts(2, 50), "b")
    scheduled, preparing = (builders.draft(campaign.line, builders.include(book)) for _ in range(2))
    later = timezone.now() + dt.timedelta(hours=1)
    Campaign.objects.move(scheduled.pk, CampaignStatus.SCHEDULED, scheduled_at=later)
    lifecycle.launch(preparing.pk)
    set_back()
    ringing.tick()
    assert restoring.sent_meanwhile() == (1, 2, 20)
    assert builders.counts(campaign) == {"accepted": 2, "unknown": 20}
    assert set(Message.objects.filter(status=MessageStatus.UNKNOWN).values_list("reason", flat=True)) == {
        Reason.RESTORED
    }
    found = {one.pk: (one.status, one.pause_code) for one in Campaign.objects.all()}
    stopped = ("draft", "restored")
    assert found == {campaign.pk: ("paused", "restored"), scheduled.pk: stopped, preparing.pk: stopped}
    assert AuditEntry.objects.get(action="confirmed_sent_meanwhile").facts["messages"] == 20
    assert AuditEntry.objects.filter(action="stopped_by_restore").count() == 3


def test_after_the_confirmation_the_operator_decides_and_sending_goes_on(sandbox: Sandbox) -> None:
    campaign = sent_in_part(sandbox)
    set_back()
    ringing.tick()
    restoring.sent_meanwhile()
    assert not witness.doubt()
    lifecycle.send_again(campaign.pk)
    lifecycle.resume(campaign.pk)
    builders.send_all(campaign)
    assert builders.counts(campaign) == {"accepted": 22}
    ringing.tick()
    assert not witness.doubt()


def test_the_late_answer_of_a_batch_that_was_out_settles_it(sandbox: Sandbox) -> None:
    campaign = builders.campaign_of(sandbox, 2)
    out = claimed(campaign)
    assert isinstance(out, Claim)
    set_back()
    ringing.tick()
    restoring.sent_meanwhile()
    assert builders.counts(campaign) == {"unknown": 2}
    record(Ticket(out.batch.pk, out.batch.owner, out.batch.attempt), accepted(out))
    assert builders.counts(campaign) == {"accepted": 2}


def accepted(out: Claim) -> SendAnswer:
    keys = Message.objects.in_batch(out.batch).values_list("pk", flat=True)
    results = [RecipientResult(key, Outcome.ACCEPTED, ref=f"late-{key}") for key in keys]
    return SendAnswer(Outcome.ACCEPTED, results)


def test_recipients_that_the_provider_keeps_become_unclear_as_a_number(sandbox: Sandbox) -> None:
    campaign = builders.running(lines.line("ippanel", sandbox), BOOK)
    set_back()
    ringing.tick()
    restoring.sent_meanwhile()
    assert builders.counts(campaign) == {"unknown": 20}


@pytest.mark.parametrize("slug", ["gosms", "ippanel"])
def test_what_had_gone_out_is_found_by_the_look_ups_and_nothing_else_goes_out(sandbox: Sandbox, slug: str) -> None:
    sandbox.behaviour.gosms_rate = lines.FAST
    rule = BOOK if slug == "ippanel" else builders.include(builders.phonebook(builders.contacts(4)))
    campaign = builders.running(lines.line(slug, sandbox), rule)
    backup = list(Batch.objects.values()), list(Message.objects.values())
    builders.send_all(campaign)
    before = dict(sandbox.ledger.acceptances())
    forget(campaign, *backup)
    set_back()
    ringing.tick()
    restoring.sent_meanwhile()
    Batch.objects.update(poll_at=timezone.now() - dt.timedelta(seconds=1))
    for pk in polling.due():
        polling.poll(pk)
    assert not Batch.objects.filter(status=BatchStatus.UNKNOWN).exists()
    assert "unknown" not in builders.counts(campaign)
    assert sandbox.ledger.acceptances() == before


def forget(campaign: Campaign, batches: Sequence[Mapping[str, Any]], messages: Sequence[Mapping[str, Any]]) -> None:
    """Set the rows of a campaign back to what they were."""
    ProviderRef.objects.all().delete()
    campaign.batches.all().delete()
    Message.objects.filter(campaign=campaign).delete()
    Batch.objects.bulk_create(Batch(**row) for row in batches)
    Message.objects.bulk_create(Message(**row) for row in messages)
    campaign.counts.all().delete()
    pending = sum(row["pending"] for row in batches)
    campaign.counts.create(status=MessageStatus.PENDING, messages=pending)
    Campaign.objects.filter(pk=campaign.pk).update(status=CampaignStatus.RUNNING, finished_at=None)


def test_nothing_sent_lets_everything_go_on(sandbox: Sandbox) -> None:
    campaign = builders.campaign_of(sandbox, 12)
    set_back()
    ringing.tick()
    assert restoring.nothing_sent() == (1, 0, 12)
    assert builders.send_all(campaign) == "nothing"
    assert builders.counts(campaign) == {"accepted": 12}
    with pytest.raises(lifecycle.NotAllowed):
        restoring.nothing_sent()


def test_a_large_campaign_is_made_unclear_in_steps_and_nothing_is_claimed_between_them(sandbox: Sandbox) -> None:
    campaign = builders.campaign_of(sandbox, 40)
    set_back()
    ringing.tick()
    restoring.sent_meanwhile(seconds=0.0)
    assert restoring.is_under_way()
    lifecycle.resume(campaign.pk)
    assert claimed(campaign) == Wait("restored")
    with pytest.raises(lifecycle.NotAllowed):
        restoring.nothing_sent()
    assert restoring.settle(10.0)
    assert builders.counts(campaign) == {"unknown": 40}
    assert not restoring.is_under_way()


def test_the_file_of_another_machine_may_lag_but_may_not_know_more(settings: Settings, tmp_path: Path) -> None:
    for _ in range(5):
        witness.count()
    here, there = tmp_path / "witness.json", tmp_path / "there.json"
    there.write_text(here.read_text())
    Witness.objects.update(counter=2)
    witness.count()
    restoring.nothing_sent()
    settings.WITNESS_FILE = there
    assert not witness.doubt()  # what it knows of the epoch before was settled with it
    epoch = json.loads(there.read_text())["epoch"]
    there.write_text(json.dumps({"epoch": epoch, "counter": 99}))
    witness.count()
    assert witness.doubt() == Witness.Doubt.BEHIND
    restoring.nothing_sent()
    assert not witness.doubt()


def test_a_restore_that_nothing_can_notice_may_be_declared(sandbox: Sandbox) -> None:
    campaign = sent_in_part(sandbox)
    witness.count()
    restoring.sent_meanwhile()
    assert builders.counts(campaign) == {"accepted": 2, "unknown": 20}
    assert not witness.doubt()


@pytest.mark.parametrize(("answer", "counts"), [("sent", {"unknown": 12}), ("nothing", {"pending": 12})])
def test_the_command_confirms(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str], answer: str, counts: dict[str, int]
) -> None:
    campaign = builders.campaign_of(sandbox, 12)
    set_back()
    ringing.tick()
    call_command("confirm_restore", {"sent": "--sent-meanwhile", "nothing": "--nothing-sent"}[answer], "--json")
    assert json.loads(capsys.readouterr().out) == {"running": 1, "not_started": 0, "messages": 12}
    assert builders.counts(campaign) == counts
    assert not witness.doubt()


def test_health_tells_that_the_database_was_restored(client: Client, settings: Settings) -> None:
    settings.WORKER_HEART = "worker"
    set_back()
    ringing.tick()
    hearts.beat()
    alive = {"database": True, "worker": True, "beating": 1, "silent": 0}
    answer = client.get("/health/")
    assert answer.status_code == 503
    assert answer.json() == {**alive, "restored": "behind"}
    restoring.nothing_sent()
    assert client.get("/health/").json() == alive


def test_a_server_that_withholds_what_it_is_costs_nothing_but_that_comparison(sandbox: Sandbox) -> None:
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute("DROP ROLE IF EXISTS kept_short")
        cursor.execute("CREATE ROLE kept_short")
        cursor.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO kept_short")
        cursor.execute("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC")
        cursor.execute("SET ROLE kept_short")
    try:
        witness.count()
        assert set(Witness.objects.get().identity) == {"database", "timeline"}
        assert not witness.doubt()
    finally:
        witness._known.withheld.clear()
        with connection.cursor() as cursor:
            cursor.execute("RESET ROLE")
            cursor.execute("GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC")
            cursor.execute("DROP OWNED BY kept_short")
            cursor.execute("DROP ROLE kept_short")
