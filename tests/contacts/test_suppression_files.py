"""A file of numbers to be suppressed: every row is accounted for, and a killed worker's file is gone on with."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings
from django_q.models import OrmQ

from campaigns import ringing
from contacts import suppression_files
from contacts.importing import UnreadableFile
from contacts.models import Suppression, SuppressionChange, SuppressionFile
from contacts.suppressions import Terms
from interface import tables
from interface.tables import Kind
from tests import builders

pytestmark = pytest.mark.django_db(transaction=True)
TERMS = Terms("advertising", "opt_out", "file", note="from the old panel")


def uploaded(text: str) -> Path:
    folder = Path(settings.UPLOAD_DIR)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "stops.csv"
    path.write_text(text, encoding="utf-8")
    return path


def started(text: str, terms: Terms = TERMS) -> SuppressionFile:
    return suppression_files.start(uploaded(text), "stops.csv", terms, in_background=False)


def numbers(first: int, last: int) -> str:
    return "".join(f"{builders.phone(n)}\n" for n in range(first, last))


def accounting(job: SuppressionFile) -> tuple[str, int, int, int, int]:
    job.refresh_from_db()
    return job.status, job.rows_done, job.made, job.known, job.refused


def test_every_row_is_made_known_or_refused_with_its_reason() -> None:
    job = started("نام,موبایل\nآ,۰۹۱۲ ۰۰۰ ۰۰۰۱\nب,9120000002\nپ,0912\nت,+98 912 000 0001\nث,\n")
    assert suppression_files.run(job.pk)
    assert accounting(job) == ("completed", 5, 2, 1, 2)
    assert job.issues == [[4, "0912", "phone_too_short"], [6, "", "phone_empty"]]
    held = Suppression.objects.get(phone="+989120000001")
    assert (held.scope, held.reason, held.source, held.note) == ("advertising", "opt_out", "file", "from the old panel")
    assert not Path(job.path).exists()


def test_a_file_without_a_header_is_read_from_its_first_row() -> None:
    job = started(numbers(0, 3))
    assert suppression_files.run(job.pk)
    assert accounting(job) == ("completed", 3, 3, 0, 0)


def test_a_workbook_is_read_like_any_other_file() -> None:
    path = uploaded("").with_suffix(".xlsx")
    tables.write(path, Kind.XLSX, ["نام", "موبایل"], [["آ", "09120000001"], ["ب", 9120000002], ["پ", "x"]])
    job = suppression_files.start(path, "stops.xlsx", TERMS, in_background=False)
    assert suppression_files.run(job.pk)
    assert accounting(job) == ("completed", 3, 2, 0, 1)
    assert Suppression.objects.of(["+989120000001", "+989120000002"]).count() == 2


@pytest.mark.parametrize("text", ["", "name,city\nآ,تهران\n", "%PDF-1.4"])
def test_a_file_without_numbers_is_refused_at_once_and_deleted(text: str) -> None:
    with pytest.raises(UnreadableFile):
        started(text)
    assert not SuppressionFile.objects.exists()
    assert not (Path(settings.UPLOAD_DIR) / "stops.csv").exists()


def test_what_a_worker_left_is_gone_on_with_after_its_last_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suppression_files, "CHUNK_ROWS", 10)
    job = started(numbers(0, 35))
    assert not suppression_files.run(job.pk, deadline=0.0)
    assert accounting(job) == ("running", 10, 10, 0, 0)
    ringing.tick()
    assert (job.pk,) in [task.task["args"] for task in OrmQ.objects.all() if "suppress_file" in task.task["func"]]
    assert suppression_files.run(job.pk)
    assert accounting(job) == ("completed", 35, 35, 0, 0)
    assert SuppressionChange.objects.count() == 35


def test_a_worker_that_lost_its_lease_writes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    job = started(numbers(0, 5))
    reader = suppression_files._Reader(job, "lost")
    with pytest.raises(suppression_files.LeaseLost):
        reader.run(None)
    assert not Suppression.objects.exists()


def test_a_stopped_file_keeps_what_it_has_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suppression_files, "CHUNK_ROWS", 10)
    job = started(numbers(0, 35))
    suppression_files.run(job.pk, deadline=0.0)
    assert suppression_files.cancel(job.pk)
    assert suppression_files.run(job.pk)
    assert accounting(job)[:3] == ("cancelled", 10, 10)
    assert Suppression.objects.count() == 10


def test_a_file_that_is_no_longer_there_fails_in_a_word() -> None:
    job = started(numbers(0, 5))
    Path(job.path).unlink()
    assert suppression_files.run(job.pk)
    job.refresh_from_db()
    assert (job.status, job.error) == ("failed", "file_missing")
