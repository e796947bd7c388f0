"""Drafts from the command line's audience files: what a rule may say, and the sentence where it may not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from campaigns import checking, drafting
from campaigns.models import AudienceRule, Campaign
from contacts.models import JobCategory
from providers.models import SenderLine
from tests import builders, uploads

pytestmark = pytest.mark.django_db


@pytest.fixture
def line() -> SenderLine:
    builders.phonebook(builders.contacts(3))
    return builders.line(builders.account())


def rules(tmp_path: Path, line: SenderLine, content: Any) -> list[AudienceRule]:
    path = tmp_path / "audience.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return drafting.rules_from_file(str(path), line)


def test_every_kind_of_rule_of_ours_is_read(tmp_path: Path, line: SenderLine) -> None:
    main = JobCategory.objects.create(name="shops")
    sub = JobCategory.objects.create(name="bakeries", parent=main)
    source = builders.draft(line, builders.include(drafting.phonebook_rules(["customers"])[0].phonebook))  # type: ignore[arg-type]
    found = rules(
        tmp_path,
        line,
        [
            {"phonebook": "customers", "start": 1, "size": 2},
            {"rule": "exclude", "phonebook": "customers", "numbers": ["0912 000 0001"]},
            {"job_category": {"main": main.pk, "sub": "bakeries"}, "operators": [{"id": 2, "start": 0, "size": 5}]},
            {"numbers": ["۰۹۱۲۰۰۰۰۰۰۷"]},
            {"campaign": source.pk, "outcome": "undelivered"},
        ],
    )
    assert [rule.kind for rule in found] == ["phonebook", "phonebook", "job_category", "numbers", "campaign"]
    assert found[0].params == {"start": 1, "size": 2}
    assert found[1].params == {"numbers": ["+989120000001"]}
    assert found[2].job_category == sub
    assert found[3].params == {"numbers": ["+989120000007"]}
    assert found[4].params == {"outcome": "undelivered"}


@pytest.mark.parametrize(
    "content",
    [
        "no JSON",
        "{}",
        "[1]",
        [{"phonebook": "nobody's"}],
        [{"phonebook": "customers", "start": -1}],
        [{"phonebook": "customers", "size": "many"}],
        [{"phonebook": "customers", "start": 2**63}],
        "[" * 100_000,
        [{"job_category": {"main": "unknown"}}],
        [{"job_category": {}}],
        [{"numbers": ["12"]}],
        [{"campaign": 999}],
        [{"rule": "maybe", "phonebook": "customers"}],
        [{"provider_phonebooks": ["123"]}],
    ],
)
def test_a_rule_that_cannot_be_gets_a_sentence(tmp_path: Path, line: SenderLine, content: Any) -> None:
    with pytest.raises(drafting.InvalidDraft, match=r"\w+ \w+"):
        rules(tmp_path, line, content)


WRONG: dict[str, list[str]] = {
    "no name": ["--name", " "],
    "a name too long": ["--name", "x" * 151],
    "a text too long": ["--text", "x" * 4_001],
    "bytes that are no UTF-8": ["--text", "a\udced\udca0b"],
    "NUL": ["--text", "a\0b"],
    "no time": ["--at", "tomorrow"],
    "a time before all times": ["--at", "0001-01-01T00:00:00"],
    "a time in another age": ["--at", "9999-12-31T23:59:59+00:00"],
    "a Jalali year": ["--at", "1405-09-30T10:00"],
}


@pytest.mark.parametrize("arguments", WRONG.values(), ids=WRONG.keys())
def test_a_wrong_command_makes_no_draft(line: SenderLine, arguments: list[str]) -> None:
    given = ["--name", "n", "--line", line.sender, "--phonebook", "customers", "--text", "t", *arguments]
    with pytest.raises(CommandError, match=r"\w+ \w+"):
        call_command("campaign", "create", *given)
    assert not Campaign.objects.exists()


def test_a_file_on_a_line_that_takes_none_is_told_before_the_launch(line: SenderLine, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(uploads.PNG)
    draft = drafting.create(
        name="n", line=line, text="t", rules=drafting.phonebook_rules(["customers"]), file_path=str(path)
    )
    assert len(checking.problems(draft)) == 1


@pytest.mark.parametrize("text", ["", " \n", "\u200c\u200c", "\u200e \u2066"])
def test_a_text_that_nobody_could_see_is_none(text: str) -> None:
    assert len(checking.text_problems(text)) == 1
    assert not checking.text_problems(f"{text}سلام")


def test_a_brace_in_the_lines_suffix_is_told_before_the_launch(line: SenderLine) -> None:
    over = builders.line(line.account, sender="3000", kind="advertising", opt_out_suffix="لغو{11")
    campaign = builders.draft(over, *drafting.phonebook_rules(["customers"]))
    assert len(checking.problems(campaign)) == 1
