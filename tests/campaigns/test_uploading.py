"""The campaign's file on its way to the provider: once, whatever goes wrong, and never whole in the memory."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings

from campaigns import lifecycle, tasks
from campaigns.models import AuditEntry, Campaign
from campaigns.sending import attachments
from campaigns.states import CampaignStatus
from campaigns.views.wording import why_not_sending
from providers.explaining import explain
from providers.models import ProviderAccount, SenderLine, UploadedFile
from providers.sandbox import Sandbox
from tests import builders, uploads
from tests.campaigns import lines
from tests.parallel import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def line(sandbox: Sandbox) -> SenderLine:
    return lines.line("najva", sandbox, channel="bale")


def with_file(line: SenderLine, path: Path, content: bytes = uploads.PNG) -> Campaign:
    """A launched campaign that waits for its file's upload."""
    path.write_bytes(content)
    number = Campaign.objects.count()
    book = builders.phonebook(builders.contacts(1, start=number), name=f"book {number}")
    campaign = builders.draft(line, builders.include(book), file_path=str(path))
    lifecycle.launch(campaign.pk)
    return campaign


def sent_back(campaign: Campaign) -> Campaign:
    """The campaign, whose preparation failed."""
    assert not lifecycle.prepare(campaign.pk)
    campaign.refresh_from_db()
    assert campaign.status == CampaignStatus.DRAFT
    return campaign


@contextmanager
def uploading(campaign: Campaign, sandbox: Sandbox) -> Iterator[None]:
    """Another worker is in the middle of the campaign's upload, and is waited for at the end."""
    worker = threading.Thread(target=at_once, args=(lambda: lifecycle.prepare(campaign.pk), 1))
    worker.start()
    while not sandbox.ledger.counters["calls_upload"]:
        time.sleep(0.01)
    yield
    worker.join()


def test_a_file_is_uploaded_once_and_named_in_every_campaign(
    line: SenderLine, sandbox: Sandbox, tmp_path: Path
) -> None:
    for name in ("a.png", "b.png"):
        campaign = with_file(line, tmp_path / name)
        assert lifecycle.prepare(campaign.pk)
        builders.send_all(campaign)
    assert sandbox.ledger.counters["calls_upload"] == 1
    ref = UploadedFile.objects.get().provider_ref
    assert [taken.file_id for taken in sandbox.ledger.taken] == [ref, ref]


def test_every_account_has_its_own_id_of_a_content(line: SenderLine, sandbox: Sandbox, tmp_path: Path) -> None:
    other = lines.line("safir", sandbox)
    for over in (line, other):
        assert lifecycle.prepare(with_file(over, tmp_path / "a.png").pk)
    assert len(set(UploadedFile.objects.values_list("provider_ref", flat=True))) == 2


def test_a_wrong_key_names_the_accounts_trouble(line: SenderLine, sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.faults.add("bad_token", "upload")
    campaign = sent_back(with_file(line, tmp_path / "a.png"))
    assert campaign.pause_code == "401"
    assert line.account.name in campaign.pause_text
    (notice,) = why_not_sending(campaign)
    assert notice.explained == explain("najva", "401")


def test_a_safir_account_without_credit_is_named_too(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.faults.add("no_credit", "safir_upload")
    campaign = sent_back(with_file(lines.line("safir", sandbox), tmp_path / "a.png"))
    assert campaign.pause_code == "20"
    assert "safir" in campaign.pause_text


@pytest.mark.parametrize(
    ("fault", "code"), [("bad_request", "400"), ("429", "429"), ("500", "500"), ("html", "not_the_documented_json")]
)
def test_any_other_refusal_sends_the_campaign_back(
    line: SenderLine, sandbox: Sandbox, tmp_path: Path, fault: str, code: str
) -> None:
    sandbox.faults.add(fault, "upload")
    campaign = sent_back(with_file(line, tmp_path / "a.png"))
    assert campaign.pause_code == code
    assert campaign.pause_text
    assert line.account.name not in campaign.pause_text
    assert AuditEntry.objects.filter(campaign=campaign, action="sent_back").count() == 1


@pytest.mark.parametrize("fault", ["timeout", "refuse", "cut", "close_after_accept"])
def test_a_lost_upload_is_made_again_at_the_next_launch(
    line: SenderLine, sandbox: Sandbox, tmp_path: Path, fault: str
) -> None:
    sandbox.faults.add(fault, "upload", times=1)
    campaign = sent_back(with_file(line, tmp_path / "a.png"))
    assert campaign.pause_code == "upload_lost"
    lifecycle.launch(campaign.pk)
    assert lifecycle.prepare(campaign.pk)


def test_neither_the_breaker_nor_the_pace_minds_an_upload(line: SenderLine, sandbox: Sandbox, tmp_path: Path) -> None:
    ProviderAccount.objects.update(requests_per_second=0.01)
    for number, fault in enumerate(("bad_token", "429")):
        sandbox.faults.add(fault, "upload", times=1)
        sent_back(with_file(line, tmp_path / f"{number}.png", uploads.PNG + bytes([number])))
    account = ProviderAccount.objects.get()
    assert (account.breaker, account.slowed_to, account.next_request_at) == ("closed", None, None)


def test_a_provider_that_is_away_is_told_by_its_own_word(tmp_path: Path) -> None:
    campaign = sent_back(with_file(lines.line("najva", channel="bale"), tmp_path / "a.png"))
    assert campaign.pause_code == "connection_refused"


def test_a_file_that_is_gone_has_to_be_chosen_again(line: SenderLine, sandbox: Sandbox, tmp_path: Path) -> None:
    campaign = with_file(line, tmp_path / "a.png")
    Path(UploadedFile.objects.get().path).unlink()
    assert sent_back(campaign).pause_code == "file_gone"
    assert not sandbox.ledger.counters["calls_upload"]


@pytest.mark.django_db(transaction=True)
def test_workers_at_once_upload_a_file_once(line: SenderLine, sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.faults.add("slow", "upload", seconds=0.3)
    campaign = with_file(line, tmp_path / "a.png")
    assert sum(at_once(lambda: lifecycle.prepare(campaign.pk), 4)) == 1
    assert sandbox.ledger.counters["calls_upload"] == 1


@pytest.mark.django_db(transaction=True)
def test_the_first_id_stays_where_two_machines_have_uploaded_a_file(
    line: SenderLine, sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.faults.add("slow", "upload", seconds=0.4)
    campaign = with_file(line, tmp_path / "a.png")
    with uploading(campaign, sandbox):
        UploadedFile.objects.update(provider_ref="the other machine's")
    assert UploadedFile.objects.get().provider_ref == "the other machine's"


@pytest.mark.parametrize(("size", "seconds"), [(0, 120), (12_000_000, 120), (15_000_000, 150), (500 << 20, 5242.88)])
def test_the_deadline_fits_the_size(settings: Any, size: int, seconds: float) -> None:
    settings.SEND_READ_TIMEOUT = 60.0
    assert attachments.deadline(size) == seconds


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_long_upload_goes_on_in_a_process_of_its_own(
    line: SenderLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, process_environment: dict[str, str]
) -> None:
    for name, value in process_environment.items():
        monkeypatch.setenv(name, value)
    size = int(attachments.SLOWEST * attachments.deadline(0)) + 1
    campaign = with_file(line, tmp_path / "a.png", uploads.PNG.ljust(size, b"\0"))
    tasks.prepare(campaign.pk)
    end = time.monotonic() + 60
    while campaign.status != CampaignStatus.RUNNING and time.monotonic() < end:
        time.sleep(0.1)
        campaign.refresh_from_db()
    assert campaign.status == CampaignStatus.RUNNING
    assert UploadedFile.objects.get().provider_ref


@pytest.mark.django_db(transaction=True)
def test_a_long_upload_that_is_under_way_is_not_begun_again(line: SenderLine, sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.faults.add("slow", "upload", seconds=0.4)
    campaign = with_file(line, tmp_path / "a.png", uploads.PNG.ljust(200_000, b"\0"))
    with uploading(campaign, sandbox):
        tasks.prepare(campaign.pk)
    assert sandbox.ledger.counters["calls_upload"] == 1
    assert not attachments.upload_in_background(campaign.pk)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_file_of_any_size_needs_no_memory(
    sandbox: Sandbox, tmp_path: Path, process_environment: dict[str, str]
) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(uploads.mp4())
    with path.open("r+b") as file:
        file.truncate(200 << 20)
    line = lines.line("safir", sandbox)
    command = [sys.executable, "-m", "tests.campaigns.uploader", str(line.pk), str(path)]
    environment = process_environment | {"VAR_DIR": str(tmp_path / "var")}
    done = subprocess.run(
        command, cwd=django_settings.BASE_DIR, env=environment, check=True, capture_output=True, text=True, timeout=100
    )
    assert int(done.stdout) < 40
    assert sandbox.ledger.counters["uploads"] == 1
    assert UploadedFile.objects.get().provider_ref
