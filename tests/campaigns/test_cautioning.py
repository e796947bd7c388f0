"""Cautions in words: every one has a sentence, and a button exactly where there is a repair."""

from __future__ import annotations

import pytest
from django.utils import translation

from campaigns.composing import warnings
from campaigns.composing.warnings import Caution, Setting
from campaigns.views import cautioning
from tests.campaigns.test_warnings import ADVERTISING, BARE, sampled

NAMED = "سلام {first_name|دوست}"
CAUSES: list[tuple[str, str, Setting, tuple[str, ...]]] = [
    ("long", "س" * 250, Setting(), ()),
    ("long_value", "س" * 62 + "{first_name}", Setting(), ("سارا", "رضا", "محمدابراهیم")),
    ("encoding", "It’s", Setting(), ()),
    ("suffix_encoding", "Hello", ADVERTISING, ()),
    ("value_encoding", "Dear {first_name}", Setting(), ("Sara", "سارا")),
    ("no_opt_out", "سلام", BARE, ()),
    ("suffix_written", "سلام لغو11", ADVERTISING, ()),
    ("suffix_twice", "لغو11 سلام", ADVERTISING, ()),
    ("blank", "سلام {first_name}", Setting(), ("سارا", "")),
    ("often_blank", NAMED, Setting(), ("سارا", "")),
    ("alike", "\N{CYRILLIC CAPITAL LETTER ES}ode", Setting(), ()),
    ("arabic", "كتاب", Setting(), ()),
    ("link_runs_on", "https://x.irبیا", Setting(), ()),
    ("short_link", "https://bit.ly/a", Setting(), ()),
    ("link", "https://x.ir", Setting(), ()),
    ("digits", "۲۰ تا 30", Setting(), ()),
    ("spaces", " سلام", Setting(), ()),
]


def caution(code: str, text: str, setting: Setting, names: tuple[str, ...]) -> Caution:
    found = warnings.cautions(text, setting, sampled(text, *names))
    return next(each for each in found if each.code == code)


@pytest.mark.parametrize("cause", CAUSES, ids=[cause[0] for cause in CAUSES])
@pytest.mark.parametrize("language", ["fa", "en", "ru"])
def test_a_caution_is_told_with_a_button_where_it_can_be_mended(
    cause: tuple[str, str, Setting, tuple[str, ...]], language: str
) -> None:
    found = caution(*cause)
    with translation.override(language):
        (told,) = cautioning.advice([found])
    assert told.level in ("info", "warning")
    assert told.title.strip()
    assert "%(" not in told.title + told.text
    assert told.repaired == found.repaired
    if found.repaired is not None:
        assert told.button


def test_what_costs_most_is_told_first() -> None:
    told = cautioning.advice(warnings.cautions(" https://x.ir كتاب ", Setting()))
    assert [each.code for each in told] == ["arabic", "link", "spaces"]


def test_an_invisible_character_is_named() -> None:
    with translation.override("en"):
        (told,) = cautioning.advice([caution("encoding", "Hello\u200cthere\u00ad", Setting(), ())])
    assert "half space, SOFT HYPHEN" in told.title


def test_the_number_of_people_is_told_not_only_that_there_are_some() -> None:
    with translation.override("en"):
        (told,) = cautioning.advice([caution("blank", "سلام {first_name}", Setting(), ("سارا", "", ""))])
    assert told.title.startswith("2 of 3 ")
    assert "{first_name|customer}" in told.text
