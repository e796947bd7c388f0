"""The examples of docs/audiences.md are files that ``campaign create --audience`` takes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.core.management import call_command

from campaigns.models import AudienceRule, Campaign, Segment
from campaigns.states import OUTCOMES
from contacts.models import JobCategory
from tests import builders
from tests.campaigns import lines

pytestmark = pytest.mark.django_db

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "audiences.md").read_text(encoding="utf-8")
OURS, THEIRS = TEXT.partition("## Kept by the provider")[::2]
EXAMPLES = [
    (slug, text)
    for slug, part in (("najva", OURS), ("ippanel", THEIRS))
    for text in re.findall(r"```json\n(.*?)```", part, re.DOTALL)
]


@pytest.fixture
def _named() -> None:
    """What the examples name."""
    for name in ("Customers", "Members", "Staff"):
        builders.phonebook([], name)
    JobCategory.objects.create(name="Bakeries", parent=JobCategory.objects.create(name="Shops"))
    conditions = {"match": "all", "conditions": [{"field": "bale", "test": "absent"}]}
    Segment.objects.create(name="Regulars", conditions=conditions)
    over = builders.line(builders.account(name="of the other campaign"), "3000")
    Campaign.objects.create(pk=7, name="the other", line=over, text="t")


@pytest.mark.usefixtures("_named")
@pytest.mark.parametrize(("slug", "example"), EXAMPLES)
def test_an_example_of_an_audience_file_makes_a_draft(tmp_path: Path, slug: str, example: str) -> None:
    path = tmp_path / "audience.json"
    path.write_text(example, encoding="utf-8")
    line = lines.line(slug)
    call_command("campaign", "create", "--name", "n", "--line", line.sender, "--text", "t", "--audience", str(path))
    rules = AudienceRule.objects.filter(campaign__name="n")
    assert rules.count() == len(re.findall(r"^  {", example, re.MULTILINE))
    assert {rule.kind == AudienceRule.Kind.PROVIDER for rule in rules} == {slug == "ippanel"}


def told(heading: str) -> set[str]:
    """The words that the table under this heading explains."""
    table = OURS.partition(f"| {heading} |")[2].partition("\n\n")[0]
    return {word for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for word in re.findall(r"`(\w+)`", row)}


def test_every_key_of_the_examples_is_explained() -> None:
    assert set(re.findall(r'"(\w+)":', OURS)) - {"main", "sub", "id"} == told("key")


def test_every_outcome_is_explained() -> None:
    assert set(OUTCOMES) == told("outcome")
