"""The catalogues are whole and compiled, and the Persian one is written as Persian is written."""

from __future__ import annotations

import gettext
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from django.conf import LazySettings
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.test import Client
from django.utils import translation

from providers import labels, registry

BASE = Path(__file__).resolve().parents[2]
FORMS = {"fa": 2, "ru": 4}  # of a plural, by language
COUNTED = {"fa": (1, 2), "ru": (1, 2, 5)}  # numbers that ask for each form; Russian's fourth is for fractions
QUOTED = re.compile(r'^(?:(msgctxt|msgid_plural|msgid|msgstr)(?:\[\d\])? )?"(.*)"$')
ESCAPE = re.compile(r"\\(.)")
PLACEHOLDER = re.compile(r"%\(\w+\)s|\{\w*\}")
LATIN = re.compile(r"%\(\w+\)s|<[^>]*>|ISO \d+|[A-Za-z+][\w+.:/-]*|[\d.]+E\+\d+|\d{4}-[\dT:-]+|“[^”]*”", re.ASCII)
DIGIT_BESIDE_A_LETTER = re.compile(r"[آ-ی][\s\u200c«(]*[0-9]|[0-9][\s\u200c»)]*[آ-ی]")
ARABIC = frozenset("يكىة٠١٢٣٤٥٦٧٨٩")
NOT_SOURCE = (".*", "var", "node_modules", "frontend", "static", "tests", "docs", "benchmarks")


class Entry(NamedTuple):
    """One msgid with its translations, as the .po has it."""

    context: str
    msgid: str
    plural: str
    translations: tuple[str, ...]
    fuzzy: bool


def entries(text: str) -> Iterator[Entry]:
    """The entries of a .po, without its header."""
    for block in re.split(r"\n{2,}", text):
        found: dict[str, list[str]] = {"msgctxt": [], "msgid": [], "msgid_plural": [], "msgstr": []}
        last = found["msgid"]
        for keyword, piece in (match.groups() for line in block.splitlines() if (match := QUOTED.match(line))):
            if keyword:
                last = found[keyword]
                last.append("")
            last[-1] += ESCAPE.sub(lambda escape: {"n": "\n", "t": "\t"}.get(escape[1], escape[1]), piece)
        context, msgid, plural = ("".join(found[key]) for key in ("msgctxt", "msgid", "msgid_plural"))
        if msgid:
            yield Entry(context, msgid, plural, tuple(found["msgstr"]), "#, fuzzy" in block)


def catalogue(language: str) -> Path:
    return BASE / "locale" / language / "LC_MESSAGES" / "django.po"


CATALOGUES = {language: list(entries(catalogue(language).read_text(encoding="utf-8"))) for language in FORMS}
ENTRIES = CATALOGUES["fa"]
in_each_language = pytest.mark.parametrize("language", sorted(FORMS))


@in_each_language
def test_every_msgid_is_translated(language: str) -> None:
    found = CATALOGUES[language]
    assert len(found) > 2_000
    assert [entry.msgid for entry in found if entry.fuzzy or not all(entry.translations)] == []


def test_the_languages_are_those_of_the_menu(settings: LazySettings) -> None:
    assert {code for code, _name in settings.LANGUAGES} == {"en", *FORMS}


@in_each_language
def test_a_plural_has_all_its_forms(language: str) -> None:
    forms = FORMS[language]
    found = CATALOGUES[language]
    assert [entry.msgid for entry in found if len(entry.translations) != (forms if entry.plural else 1)] == []


@in_each_language
def test_placeholders_are_the_same_in_both_languages(language: str) -> None:
    def differ(entry: Entry) -> bool:
        wanted = sorted(PLACEHOLDER.findall(entry.plural or entry.msgid))
        return any(sorted(PLACEHOLDER.findall(text)) != wanted for text in entry.translations)

    assert [entry.msgid for entry in CATALOGUES[language] if differ(entry)] == []


def test_no_arabic_letter_stands_for_a_persian_one() -> None:
    assert [
        entry.msgid for entry in ENTRIES for text in entry.translations if ARABIC & (set(text) - set(entry.msgid))
    ] == []


def test_digits_in_a_persian_sentence_are_persian() -> None:
    assert [
        text for entry in ENTRIES for text in entry.translations if DIGIT_BESIDE_A_LETTER.search(LATIN.sub("¤", text))
    ] == []


def test_quotation_marks_are_persian() -> None:
    shown = "{“"  # JSON as the admin shows it
    assert [
        text for entry in ENTRIES for text in entry.translations if set("“”") & set(text) and shown not in entry.msgid
    ] == []


@in_each_language
def test_a_sentence_ends_as_its_msgid_does(language: str) -> None:
    def end(text: str) -> str:
        return text.rstrip("\u200e")[-1:].translate({ord("?"): "؟"})

    marks = ".؟:"
    assert [
        entry.msgid
        for entry in CATALOGUES[language]
        for text in entry.translations
        if (end(entry.plural or entry.msgid) in marks or end(text) in marks)
        and end(entry.plural or entry.msgid) != end(text)
    ] == []


def test_russian_words_have_no_letter_of_another_alphabet() -> None:
    mixed = re.compile(r"[а-яё][a-z]|[a-z][а-яё]|[آ-ی]", re.IGNORECASE)
    meant = re.compile(r"لغو.?[1۱]{2}|[يكیک]|\u2066[^\u2069]*\u2069|\{[^{}]*\}")  # as a text has them
    found = [text for entry in CATALOGUES["ru"] for text in entry.translations]
    assert [text for text in found if mixed.search(meant.sub("", PLACEHOLDER.sub(" ", text)))] == []


def said(compiled: gettext.GNUTranslations, entry: Entry, numbers: tuple[int, ...]) -> tuple[str, ...]:
    """What the compiled catalogue says for an entry: in the plural forms of these numbers where it has any."""
    if not entry.plural:
        return (compiled.pgettext(entry.context, entry.msgid) if entry.context else compiled.gettext(entry.msgid),)
    if entry.context:
        return tuple(compiled.npgettext(entry.context, entry.msgid, entry.plural, number) for number in numbers)
    return tuple(compiled.ngettext(entry.msgid, entry.plural, number) for number in numbers)


@in_each_language
def test_the_compiled_catalogue_is_that_of_the_source(language: str) -> None:
    with catalogue(language).with_suffix(".mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    numbers = COUNTED[language]
    stale = [
        entry.msgid
        for entry in CATALOGUES[language]
        if said(compiled, entry, numbers) != entry.translations[: len(numbers)]
    ]
    assert stale == []


@pytest.mark.skipif(not shutil.which("xgettext"), reason="GNU gettext is not installed")
def test_makemessages_finds_nothing_new(
    tmp_path: Path, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(BASE, copy, ignore=shutil.ignore_patterns(*NOT_SOURCE))
    settings.LOCALE_PATHS = [copy / "locale"]
    monkeypatch.chdir(copy)
    call_command("makemessages", locale=sorted(FORMS), no_location=True, no_obsolete=True, verbosity=0)
    for language, known in CATALOGUES.items():
        found = entries((copy / catalogue(language).relative_to(BASE)).read_text(encoding="utf-8"))
        assert {each[:3] for each in found} == {each[:3] for each in known}


def test_every_word_of_the_backends_is_marked() -> None:
    providers = registry.PROVIDERS.values()
    assert {provider.label for provider in providers} <= labels.LABELS
    assert {each.label for provider in providers for each in provider.credential_fields} <= labels.CREDENTIAL_LABELS


@pytest.mark.parametrize("msgid", sorted(labels.LABELS | labels.CREDENTIAL_LABELS))
def test_the_backends_speak_persian(msgid: str) -> None:
    with translation.override("fa"):
        assert translation.gettext(msgid) != msgid


@pytest.mark.parametrize("msgid", sorted(labels.CREDENTIAL_LABELS))
def test_the_backends_speak_russian_but_for_their_names(msgid: str) -> None:
    with translation.override("ru"):
        assert translation.gettext(msgid) != msgid


SAID_BY_SCRIPTS = re.compile(r"""(?<!\w)n?gettext\(\s*(['"])(.*?)(?<!\\)\1""")


@pytest.mark.parametrize("language", sorted(FORMS))
def test_the_scripts_of_the_admin_speak_it(admin_client: Client, settings: LazySettings, language: str) -> None:
    admin_client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
    folder = Path(str(finders.find("admin/js")))
    said = {match[2] for path in folder.glob("**/*.js") if "vendor" not in path.parts
            for match in SAID_BY_SCRIPTS.finditer(path.read_text(encoding="utf-8"))}  # fmt: skip
    known = admin_client.get("/admin/jsi18n/").content.decode()
    assert len(said) > 20
    assert [msgid for msgid in said if json.dumps(msgid.replace("\\'", "'")) not in known] == []
