"""Keeping a campaign's file: what is refused and how it is said, once a content, at once, and until nobody wants it."""

from __future__ import annotations

import datetime as dt
import errno
import hashlib
import os
from pathlib import Path

import pytest
from django.utils import timezone, translation
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from campaigns import attaching, drafting, ringing
from campaigns.attaching import InvalidFile, attach
from campaigns.models import Campaign
from providers.models import SenderLine, UploadedFile
from tests import builders, uploads
from tests.campaigns import lines
from tests.parallel import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def line() -> SenderLine:
    return lines.line("najva", channel="bale")


def written(path: Path, content: bytes = uploads.PNG) -> Path:
    path.write_bytes(content)
    return path


def on_disk() -> list[Path]:
    """Every file that is kept, half made ones too."""
    return sorted(path for path in attaching.folder().rglob("*") if path.is_file())


def aged(file: UploadedFile, days: float) -> UploadedFile:
    UploadedFile.objects.filter(pk=file.pk).update(created_at=timezone.now() - dt.timedelta(days=days))
    return file


def refusal(line: SenderLine, path: Path, name: str = "") -> str:
    """The sentence of a refusal, without the marks around names; nothing of the file may be left."""
    with translation.override("en"), pytest.raises(InvalidFile) as caught:
        attach(line, path, name)
    assert not UploadedFile.objects.exists()
    assert not on_disk()
    return str(caught.value).translate({0x2068: None, 0x2069: None})


def test_a_file_is_kept_with_its_hash_its_size_and_its_real_type(line: SenderLine, tmp_path: Path) -> None:
    content = uploads.JPEG + bytes(3 * attaching.BLOCK)
    file = attach(line, written(tmp_path / "upload.tmp", content), "عکس یلدا.JPG")
    assert (file.filename, file.content_type, file.size) == ("عکس یلدا.JPG", "image/jpeg", len(content))
    assert file.sha256 == hashlib.sha256(content).hexdigest()
    assert on_disk() == [Path(file.path)]
    assert Path(file.path).read_bytes() == content
    assert (tmp_path / "upload.tmp").exists()


def test_a_temporary_file_is_moved(line: SenderLine, tmp_path: Path) -> None:
    source = written(tmp_path / "upload.tmp")
    inode = source.stat().st_ino
    file = attach(line, source, "a.png", take=True)
    assert Path(file.path).stat().st_ino == inode
    assert not source.exists()
    assert file.sha256 == hashlib.sha256(uploads.PNG).hexdigest()


def test_a_temporary_file_of_another_file_system_is_copied(
    line: SenderLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_names: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    source = written(tmp_path / "upload.tmp")
    rename = Path.rename
    monkeypatch.setattr(Path, "rename", lambda self, to: refuse() if self == source else rename(self, to))
    file = attach(line, source, "a.png", take=True)
    assert Path(file.path).read_bytes() == source.read_bytes() == uploads.PNG


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.png", b"", "The file is empty."),
        ("a.exe", uploads.EXE, "It takes: jpeg, jpg, png, gif, opus, ogg, mp4."),
        ("noname", uploads.PNG, "It takes: jpeg, jpg, png, gif, opus, ogg, mp4."),
        ("a.png", uploads.JPEG, "The file is called .png, but what is in it is a .jpg file."),
        ("a.mp4", b"\x00\x01\x02", "The file is called .mp4, but what is in it is something else."),
        ("a.gif", b"<html><script>", "Web pages, scripts and programs cannot be sent, whatever they are called."),
    ],
)
def test_a_refusal_is_a_sentence_about_its_reason(
    line: SenderLine, tmp_path: Path, name: str, content: bytes, sentence: str
) -> None:
    assert refusal(line, written(tmp_path / "upload.tmp", content), name).endswith(sentence)


@pytest.mark.parametrize(("slug", "most"), [("najva", 15), ("safir", 500)])
def test_the_limit_is_the_providers_own(tmp_path: Path, slug: str, most: int) -> None:
    path = written(tmp_path / "a.png")
    os.truncate(path, (most << 20) + 1)
    assert f"larger than {most} MB" in refusal(lines.line(slug, channel="bale"), path)


def test_a_provider_without_files_takes_none(tmp_path: Path) -> None:
    assert refusal(lines.line("gosms"), written(tmp_path / "a.png")) == "This provider takes no files."


def test_what_is_no_file_is_not_read(line: SenderLine, tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    for name in ("folder.png", "pipe.png", "absent.png"):
        assert refusal(line, tmp_path / name) == "The file cannot be read."


def test_the_command_line_gets_the_sentence_too(line: SenderLine, tmp_path: Path) -> None:
    rules = [builders.include(builders.phonebook(builders.contacts(1)))]
    path = str(written(tmp_path / "a.exe", uploads.EXE))
    with translation.override("en"), pytest.raises(drafting.InvalidDraft, match="It takes:"):
        drafting.create(name="n", line=line, text="t", rules=rules, file_path=path)
    assert not Campaign.objects.exists()


@pytest.mark.parametrize("name", ["../../etc/a.png", "x" * 300 + ".png", "a\udce9\n.png"])
def test_a_strange_name_becomes_one_that_can_be_kept(line: SenderLine, tmp_path: Path, name: str) -> None:
    file = attach(line, written(tmp_path / "upload.tmp"), name)
    file.refresh_from_db()
    assert "/" not in file.filename
    assert file.filename.endswith(".png")
    assert Path(file.path).parent == attaching.folder()


def test_the_same_content_is_kept_once_an_account(line: SenderLine, tmp_path: Path) -> None:
    first = attach(line, written(tmp_path / "a.png"))
    again = attach(line, written(tmp_path / "b.png"), take=True)
    other = attach(lines.line("safir"), tmp_path / "a.png")
    assert first == again != other
    assert on_disk() == sorted([Path(first.path), Path(other.path)])


def test_a_content_whose_file_was_lost_is_whole_again(line: SenderLine, tmp_path: Path) -> None:
    first = attach(line, written(tmp_path / "a.png"))
    Path(first.path).unlink()
    again = attach(line, tmp_path / "a.png")
    assert again == first
    assert Path(again.path).read_bytes() == uploads.PNG


@pytest.mark.django_db(transaction=True)
def test_the_same_content_at_once_is_kept_once(line: SenderLine, tmp_path: Path) -> None:
    paths = [written(tmp_path / f"{number}.png") for number in range(8)]
    found = at_once(lambda: attach(line, paths.pop(), take=True).pk, 8)
    assert set(found) == {UploadedFile.objects.get().pk}
    assert on_disk() == [Path(UploadedFile.objects.get().path)]


@pytest.mark.django_db(transaction=True)
def test_a_file_that_is_wanted_again_is_never_forgotten_meanwhile(line: SenderLine, tmp_path: Path) -> None:
    path = written(tmp_path / "a.png")
    for _round in range(5):
        aged(attach(line, path), days=8)
        found = at_once(lambda: attach(line, path), 3, attaching.forget_unused, 2)
        kept = UploadedFile.objects.get()
        assert {file.pk for file in found if file} == {kept.pk}
        assert on_disk() == [Path(kept.path)]


def test_a_file_that_no_campaign_uses_is_forgotten_after_a_week(line: SenderLine, tmp_path: Path) -> None:
    used, fresh, old = (attach(line, written(tmp_path / "a.png", uploads.PNG + bytes([n]))) for n in range(3))
    builders.draft(line, builders.include(builders.phonebook(builders.contacts(1))), file=used)
    for file, days in ((used, 30), (fresh, 6.9), (old, 7.1)):
        aged(file, days)
    ringing.tick()
    assert set(UploadedFile.objects.all()) == {used, fresh}
    assert on_disk() == sorted([Path(used.path), Path(fresh.path)])


def test_what_a_crash_left_half_made_goes_too(line: SenderLine, tmp_path: Path) -> None:
    file = attach(line, written(tmp_path / "a.png"))
    left, young = (attaching.folder() / "incoming" / name for name in ("left", "young"))
    for path, age in ((left, 8), (young, 1)):
        written(path)
        os.utime(path, (0, timezone.now().timestamp() - age * 86_400))
    attaching.forget_unused()
    assert on_disk() == sorted([Path(file.path), young])


def test_an_upload_that_ends_while_the_left_over_ones_are_looked_at_disturbs_nobody(
    line: SenderLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    incoming = attaching.folder() / "incoming"
    incoming.mkdir(parents=True)
    ending, left = (written(incoming / name) for name in ("ending", "left"))
    os.utime(left, (0, 0))
    stat = Path.stat

    def gone_meanwhile(self: Path, **options: bool) -> os.stat_result:
        if self == ending:
            ending.rename(attaching.folder() / "kept.png")
        return stat(self, **options)

    monkeypatch.setattr(Path, "stat", gone_meanwhile)
    attaching.forget_unused()
    monkeypatch.undo()
    assert on_disk() == [attaching.folder() / "kept.png"]


@given(content=st.binary(min_size=1, max_size=200))
@hypothesis_settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_of_any_content_one_copy_or_none_is_kept(line: SenderLine, tmp_path: Path, content: bytes) -> None:
    UploadedFile.objects.all().delete()
    for path in on_disk():
        path.unlink()
    try:
        kept = [Path(attach(line, written(tmp_path / "upload.tmp", content), "a.png").path)]
    except InvalidFile:
        kept = []
    assert on_disk() == kept
