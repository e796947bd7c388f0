"""Every code that a provider documents, and every word of ours that reaches a screen, is explained."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest
from django.utils import translation

from providers import codes, explaining
from providers.answers import Report
from providers.explaining import explain
from providers.registry import PROVIDERS

BASE = Path(__file__).resolve().parents[2]
BAD_NEWS = frozenset({Report.UNDELIVERED, Report.BLOCKED, Report.FAILED, Report.CANCELLED, Report.FORGOTTEN})
# Where a word of ours becomes the code of an answer.
PRODUCED = re.compile(r'(?:InvalidJob\(|[ (]code=|Outcome\.[A-Z]+, )"([a-z]+(?:_[a-z]+)*)"')
SOURCES = ("providers/http.py", "providers/base.py", "providers/backends/*.py", "campaigns/sending/*.py")
CHOSEN_ELSEWHERE = [  # by a condition, from a constant, or as the name of an error
    *("backtick", "connection_lost", "no_id", "undocumented_error", "not_international", "not_iranian_mobile"),
    *("not_reached", "worker_died", "database_away", "erased", "UndecryptableSecret", "UnknownProvider"),
    *("file_gone", "upload_lost"),
]


def bad_codes() -> list[tuple[str, str]]:
    """Every documented code of every provider, and its statuses that are bad news."""
    found = []
    for slug, provider in PROVIDERS.items():
        reports = getattr(import_module(provider.__module__), "REPORTS", {})
        found += [(slug, code) for code in sorted(provider.codes)]
        found += [(slug, code) for code, report in reports.items() if report in BAD_NEWS]
    return found


def words_of_ours() -> list[str]:
    """What our own code hands on in place of a provider's code."""
    texts = [path.read_text(encoding="utf-8") for pattern in SOURCES for path in BASE.glob(pattern)]
    return sorted({*CHOSEN_ELSEWHERE, *(word for text in texts for word in PRODUCED.findall(text))})


@pytest.mark.parametrize(("slug", "code"), bad_codes())
def test_a_documented_code_is_explained(slug: str, code: str) -> None:
    found = explain(slug, code)
    assert found is not None
    assert not found.ours


@pytest.mark.parametrize("word", words_of_ours())
def test_a_word_of_ours_is_explained(word: str) -> None:
    found = explain("najva", word)
    assert found is not None
    assert found.ours


def test_the_search_for_words_of_ours_finds_them() -> None:
    assert {"read_timeout", "no_ids", "no_entry", "empty_text", "lost_claim"} <= set(words_of_ours())


@pytest.mark.parametrize("table", [codes.HTTP, explaining.WORDS, *codes.PROVIDERS.values()])
def test_an_explanation_is_two_whole_sentences(table: dict[str, codes.Words]) -> None:
    with translation.override("en"):
        assert [
            code for code, words in table.items() for text in words if not re.fullmatch(r"[A-Z].*\.", str(text))
        ] == []


@pytest.mark.parametrize("code", ["", "1", "10", "9999", "not_a_word"])
def test_what_needs_no_explanation_has_none(code: str) -> None:
    assert explain("najva", code) is None


def test_the_same_code_means_what_its_provider_says() -> None:
    with translation.override("en"):
        meanings = {explain(slug, "3").meaning for slug in ("safir", "ippanel", "gosms")}  # type: ignore[union-attr]
    assert len(meanings) == 3


def test_an_unknown_provider_still_has_the_words_that_all_share() -> None:
    assert explain("nobody", "401") == explain("najva", "401")
    assert explain("nobody", "418") is None


def test_an_explanation_is_in_the_language_of_its_reader() -> None:
    with translation.override("en"):
        english = explain("najva", "no_entry")
    with translation.override("fa"):
        persian = explain("najva", "no_entry")
    assert english is not None
    assert english.meaning == "The provider's answer does not mention this recipient."
    assert persian is not None
    assert persian.meaning == "در پاسخ ارائه‌دهنده نامی از این گیرنده نیست."
