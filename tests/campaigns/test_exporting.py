"""Messages as files: what stands in them, who may, how they are made in the background, and how they are forgotten."""

from __future__ import annotations

import datetime as dt
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from campaigns.exporting import MessagesToFile
from campaigns.models import Batch, Campaign, Message
from campaigns.states import BatchStatus, CampaignStatus, MessageStatus
from contacts import bulk, erasing
from contacts.bulk import writing
from contacts.models import BulkAction, Contact
from interface.formulas import SIGNS
from tests import builders
from tests.campaigns.screens import campaign_in, client_of, exported, exporter, table_of

pytestmark = pytest.mark.django_db
RUNNING = CampaignStatus.RUNNING


def in_background(campaign: Campaign, monkeypatch: pytest.MonkeyPatch, **selection: str) -> BulkAction:
    """An export that waits for its worker, in slices of two."""
    monkeypatch.setattr("contacts.bulk.running.AT_ONCE", 0)
    monkeypatch.setattr(MessagesToFile, "slice_size", 2)
    query = {"campaign": str(campaign.pk), **selection}
    return bulk.start(BulkAction.Kind.MESSAGES, {"filter": query}, {"language": "en"}, User.objects.first())


def refreshed(action: BulkAction) -> BulkAction:
    action.refresh_from_db()
    return action


def test_a_file_has_every_recipient_as_filtered() -> None:
    campaign, client = campaign_in(RUNNING), exporter()
    head, *rows = exported(client, campaign)
    assert [row[0] for row in rows] == [builders.phone(n)[1:] for n in range(3)]
    assert {len(row) for row in rows} == {len(head)}
    facts = dict(zip(head, rows[0], strict=True))
    assert (facts["Text"], facts["Campaign"], facts["Operator"], facts["Status"]) == (
        "سلام",
        "Nowruz",
        "MCI",
        "pending",
    )
    assert exported(client, campaign, status="delivered")[1:] == []
    assert len(exported(client, campaign, q="09120000001")) == 2


def test_moments_are_jalali_for_people_and_iso_for_machines() -> None:
    campaign = campaign_in(RUNNING, 1)
    at = dt.datetime(2026, 3, 20, 21, 30, 5, tzinfo=dt.UTC)
    Batch.objects.update(status=BatchStatus.DONE, settled_at=at)
    Message.objects.update(status=MessageStatus.DELIVERED, updated_at=at + dt.timedelta(minutes=1), cost=900)
    head, row = exported(exporter(), campaign)
    facts = dict(zip(head, row, strict=True))
    assert facts["Accepted (Jalali)"] == "1405-01-01 01:00:05"
    assert facts["Accepted (ISO 8601)"] == "2026-03-21T01:00:05+03:30"
    assert facts["Delivered (ISO 8601)"] == "2026-03-21T01:01:05+03:30"
    assert (facts["Cost (rial)"], facts["Refunded (rial)"]) == ("900", "")


def test_no_cell_is_a_formula() -> None:
    hostile = [f"{sign}1+1" for sign in SIGNS] + ["'=1", "''@x"]
    people = [builders.contacts(1, start=n, first_name=text)[0] for n, text in enumerate(hostile)]
    campaign = builders.running(
        builders.line(builders.account()), builders.include(builders.phonebook(people)), text="-1"
    )
    _head, *rows = exported(exporter(), campaign)
    assert [row[1] for row in rows] == [f"'{text}" for text in hostile]
    assert not [cell for row in rows for cell in row if cell.startswith(SIGNS)]


def test_a_workbook_comes_from_the_same_rows() -> None:
    campaign = campaign_in(RUNNING)
    response: Any = exporter().post(f"/campaigns/{campaign.pk}/export/", {"format": "xlsx"})
    assert b"".join(response.streaming_content).startswith(b"PK")


def test_the_explorer_exports_what_it_shows() -> None:
    first, second = campaign_in(RUNNING), campaign_in(RUNNING)
    rows = table_of(exporter().post("/messages/export/", {"campaign": second.pk, "after": "9"}))
    assert [row[0] for row in rows[1:]] == [builders.phone(1_000 + n)[1:] for n in range(3)]
    assert len(table_of(exporter_again().post("/messages/export/", {}))) == 1 + first.audience + second.audience  # type: ignore[operator]


def exporter_again() -> Client:
    client = Client()
    client.force_login(User.objects.get(username="exporter"))
    return client


@pytest.mark.parametrize("given", [(), ("export_message",), ("see_numbers",)])
def test_starting_takes_the_permission_to_export_and_the_one_to_see_numbers(given: tuple[str, ...]) -> None:
    campaign, client = campaign_in(RUNNING), client_of("teammate", *given)
    assert client.post(f"/campaigns/{campaign.pk}/export/").status_code == 403
    assert client.post("/messages/export/").status_code == 403
    assert "/export/" not in client.get(f"/campaigns/{campaign.pk}/").content.decode()
    assert not BulkAction.objects.exists()


@pytest.mark.parametrize("taken", ["export_message", "see_numbers"])
def test_a_permission_that_is_taken_away_meanwhile_holds_at_the_download(taken: str) -> None:
    campaign, client = campaign_in(RUNNING), exporter()
    exported(client, campaign)
    action = BulkAction.objects.get()
    assert client.get(f"/exports/{action.pk}/").status_code == 200
    User.objects.get(username="exporter").user_permissions.remove(Permission.objects.get(codename=taken))
    assert client.get(f"/exports/{action.pk}/").status_code == 403
    assert f'/exports/{action.pk}/"' not in client.get("/exports/").content.decode()


def test_a_large_one_is_made_in_the_background_and_told_of_when_it_is_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    campaign, client = campaign_in(RUNNING), exporter()
    monkeypatch.setattr("contacts.bulk.running.AT_ONCE", 0)
    assert client.post(f"/campaigns/{campaign.pk}/export/", follow=True).redirect_chain[-1][0] == "/exports/"
    action = BulkAction.objects.get()
    assert client.get(f"/exports/{action.pk}/").status_code == 404
    assert "file is ready" not in client.get("/").content.decode()
    assert bulk.run(action.pk)
    assert "file is ready" in client.get("/").content.decode()
    assert "file is ready" not in client.get("/").content.decode()
    assert len(table_of(client.get(f"/exports/{action.pk}/"))) == 4


def test_the_list_of_exports_is_polled_only_while_one_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    campaign, client = campaign_in(RUNNING), exporter()
    action = in_background(campaign, monkeypatch)
    assert 'hx-trigger="tick from:body"' in client.get("/exports/").content.decode()
    bulk.run(action.pk)
    assert 'hx-trigger="tick from:body"' not in client.get("/exports/").content.decode()


def test_only_messages_that_are_meant_are_written_but_all_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    campaign, _client = campaign_in(RUNNING, 7), exporter()
    chosen = Message.objects.order_by("pk")[3]
    Message.objects.filter(pk=chosen.pk).update(provider_code="17")
    action = in_background(campaign, monkeypatch, code="17")
    assert bulk.run(action.pk)
    assert (refreshed(action).status, action.total, action.done, action.changed) == ("completed", 7, 7, 1)


def test_who_began_it_stops_it_or_deletes_its_file_and_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    campaign, client = campaign_in(RUNNING), exporter()
    action = in_background(campaign, monkeypatch)
    assert not bulk.run(action.pk, deadline=0.0)
    path = Path(refreshed(action).path)
    assert client_of("other", "export_message", "see_numbers").post(f"/exports/{action.pk}/delete/").status_code == 404
    assert path.exists()
    client.post(f"/exports/{action.pk}/delete/")
    assert (refreshed(action).status, path.exists()) == ("cancelled", False)


def test_the_file_goes_after_three_days_and_the_list_says_so() -> None:
    campaign, client = campaign_in(RUNNING), exporter()
    exported(client, campaign)
    path = Path(BulkAction.objects.get().path)
    writing.forget_old()
    assert path.exists()
    BulkAction.objects.update(finished_at=timezone.now() - writing.KEPT - dt.timedelta(minutes=1))
    writing.forget_old()
    assert not path.exists()
    assert "no longer kept" in client.get("/exports/").content.decode()


def test_a_page_of_exports_asks_as_often_for_many_as_for_one(django_assert_num_queries: Any) -> None:
    campaign, client = campaign_in(RUNNING), exporter()
    exported(client, campaign)
    client.get("/exports/")
    with django_assert_num_queries(5):
        client.get("/exports/")
    for n in range(5):
        exported(client, campaign, q=str(n))
    with django_assert_num_queries(5):
        assert len(client.get("/exports/").context["rows"]) == 6


def test_who_is_erased_is_in_no_kept_file(monkeypatch: pytest.MonkeyPatch) -> None:
    people = builders.contacts(4)
    over = builders.line(builders.account())
    campaigns = [
        builders.running(over, builders.include(builders.phonebook(half, str(n))))
        for n, half in enumerate((people[:2], people[2:]))
    ]
    client = exporter()
    for campaign in campaigns:
        exported(client, campaign)
    BulkAction.objects.update(created_at=timezone.now() + dt.timedelta(minutes=1))  # after the last change of anybody
    erasing.erase([people[0].pk])
    holding, other = BulkAction.objects.order_by("pk")
    assert (holding.path, Path(other.path).exists()) == ("", True)
    assert len(list(Path(other.path).parent.iterdir())) == 1


def test_an_export_under_way_begins_anew_without_who_is_erased(monkeypatch: pytest.MonkeyPatch) -> None:
    campaign, _client = campaign_in(RUNNING, 5), exporter()
    action = in_background(campaign, monkeypatch)
    assert not bulk.run(action.pk, deadline=0.0)
    assert refreshed(action).done == 2
    erasing.erase([Contact.objects.order_by("pk")[0].pk])
    assert (refreshed(action).done, action.status) == (0, "running")
    assert bulk.run(action.pk)
    assert builders.phone(0)[1:] not in Path(refreshed(action).path).read_text(encoding="utf-8")
    assert (action.done, action.changed) == (5, 5)


@pytest.mark.faults
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("point", ["before", "after", "between"])
def test_a_killed_worker_leaves_the_same_bytes_as_an_undisturbed_one(
    monkeypatch: pytest.MonkeyPatch, process_environment: dict[str, str], point: str, settings: Any
) -> None:
    settings.EXPORT_DIR = Path(process_environment["VAR_DIR"]) / "exports"
    campaign, _client = campaign_in(RUNNING, 700), exporter()
    calm, killed = in_background(campaign, monkeypatch), in_background(campaign, monkeypatch, status="pending")
    monkeypatch.setattr(MessagesToFile, "slice_size", 5_000)
    assert bulk.run(calm.pk)
    command = [sys.executable, "-m", "tests.contacts.killed_bulk", str(killed.pk), "3", point]
    ended = subprocess.run(command, env=process_environment, check=False, capture_output=True, timeout=120)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    assert refreshed(killed).done == 300
    BulkAction.objects.update(lease_until=None)  # as if it had run out
    assert bulk.run(killed.pk)
    assert (refreshed(killed).done, killed.changed) == (700, 700)
    assert Path(killed.path).read_bytes() == Path(refreshed(calm).path).read_bytes()


@pytest.mark.parametrize("page", ["/messages/", "/campaigns/{pk}/", "/contacts/"])
def test_the_form_of_a_page_is_complete(page: str) -> None:
    campaign, user = campaign_in(RUNNING), User.objects.create_superuser("root")
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    content = client.get(page.format(pk=campaign.pk)).content.decode()
    form = re.search(r'<form method="post" action="([^"]*)"[^>]*data-downloads>.*?</form>', content, re.DOTALL)
    assert form
    sent = dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', form[0]))
    answer = client.post(form[1], {**sent, "format": "csv"})
    assert (answer.status_code, answer.headers["Content-Type"].split(";")[0]) == (200, "text/csv")


def test_a_form_that_is_too_old_is_answered_by_a_page_of_ours() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_superuser("root"))
    answer = client.post("/messages/export/", {"format": "csv"})
    assert (answer.status_code, answer.templates[0].name) == (403, "403_csrf.html")
