"""The documents say what the code does: links, commands, variables, states, alarms."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from enum import Enum
from itertools import takewhile
from pathlib import Path
from typing import TypeVar

import pytest
from django.core.management import get_commands, load_command_class
from django.core.management.base import CommandError

from campaigns.delivery.bulks import FINAL_STATES
from campaigns.models import Bulk
from campaigns.states import CAMPAIGN_MOVES, FINAL, MESSAGE_MOVES, MessageStatus

State = TypeVar("State", bound=Enum)
ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
NAMES = [str(path.relative_to(ROOT)) for path in DOCUMENTS]
FOLDERS = ("project", "providers", "contacts", "campaigns", "benchmarks", "bin", "tests")
SHELL = re.compile(r"```sh\n(.*?)```", re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
# A folder of ours at its beginning, or a file at the root: what a document names in code is there.
OURS = re.compile(
    r"`((?:project|providers|contacts|campaigns|benchmarks|bin|tests|docs|templates|static|frontend)/[\w./-]*"
    r"|[\w.-]+\.(?:toml|yaml|in|md)|Makefile|Procfile|\.env\.example|\.ci/run)`"
)


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def anchors(text: str) -> set[str]:
    """The anchors of a document's headings, as forges make them."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def table(text: str, heading: str) -> list[list[str]]:
    """The cells of the first table under a heading whose first column has this title, without its two head rows."""
    lines = text[text.index(f"| {heading} |") :].splitlines()
    rows = list(takewhile(lambda line: line.startswith("|"), lines))
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


def shell_lines(name: str, word: str) -> list[str]:
    """The lines of a document's shell blocks that call ``word``."""
    lines = "\n".join(SHELL.findall(read(name))).splitlines()
    return [line.partition("    #")[0] for line in lines if word in line]


def moves(states: Mapping[State, frozenset[State]]) -> set[tuple[str, str]]:
    return {(old.name.lower(), new.name.lower()) for old, news in states.items() for new in news}


@pytest.mark.parametrize("name", ["README.md", "README.fa.md"])
def test_a_readme_has_at_most_150_lines(name: str) -> None:
    assert len(read(name).splitlines()) <= 150


@pytest.mark.parametrize("name", NAMES)
def test_every_link_leads_somewhere(name: str) -> None:
    broken = []
    for link in LINK.findall(read(name)):
        path, _hash, anchor = link.partition("#")
        target = (ROOT / name).parent / path if path else ROOT / name
        if link.startswith(("http://", "https://")):
            broken.append(f"{link} leaves the repository")
        elif not target.exists() or (anchor and anchor not in anchors(target.read_text(encoding="utf-8"))):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("name", NAMES)
def test_every_file_that_a_document_names_exists(name: str) -> None:
    missing = [path for path in OURS.findall(read(name)) if not (ROOT / path).exists()]
    assert missing == []


@pytest.mark.parametrize("name", NAMES)
def test_every_module_that_a_document_names_exists(name: str) -> None:
    modules = ["/manage.py", *(f"/{p.relative_to(ROOT)}" for folder in FOLDERS for p in (ROOT / folder).rglob("*.py"))]
    named = set(re.findall(r"`([\w/]+\.py)`", read(name)))
    assert {each for each in named if not any(path.endswith(f"/{each}") for path in modules)} == set()


def test_every_document_of_docs_is_reached_from_the_readme() -> None:
    reached, waiting = {ROOT / "README.md"}, [ROOT / "README.md"]
    while waiting:
        here = waiting.pop()
        paths = {(here.parent / link.partition("#")[0]).resolve() for link in LINK.findall(here.read_text("utf-8"))}
        new = {path for path in paths if path.suffix == ".md" and path.is_file()} - reached
        reached |= new
        waiting += new
    assert [name for name, path in zip(NAMES, DOCUMENTS, strict=True) if path not in reached] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_make_target_that_a_document_names_exists(name: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z]+)", read(name)))
    named |= {line.split()[1] for line in shell_lines(name, "make ") if line.startswith("make ")}
    assert named <= targets


@pytest.mark.parametrize("name", NAMES)
def test_every_management_command_that_a_document_names_exists(name: str) -> None:
    assert set(re.findall(r"manage\.py ([a-z_]+)", read(name))) <= set(get_commands())


def command_lines() -> Iterator[str]:
    for name in NAMES:
        for line in shell_lines(name, "manage.py "):
            yield line.partition("manage.py ")[2]


@pytest.mark.parametrize("line", sorted(set(command_lines())))
def test_a_command_in_a_shell_block_is_one_that_its_parser_takes(line: str) -> None:
    name, *arguments = shlex.split(line)
    parser = load_command_class(get_commands()[name], name).create_parser("manage.py", name)
    try:
        parser.parse_args(arguments)
    except CommandError as error:
        pytest.fail(str(error))


def test_the_persian_readme_shows_the_same_commands_and_links() -> None:
    english, persian = read("README.md"), read("README.fa.md")
    assert SHELL.findall(persian) == SHELL.findall(english)
    assert set(LINK.findall(persian)) - {"README.md"} == set(LINK.findall(english)) - {"README.fa.md"}


def test_the_persian_readme_runs_from_right_to_left() -> None:
    text = read("README.fa.md")
    assert text.startswith('<div dir="rtl">')
    assert text.count("<div") == text.count("</div>")


def test_the_example_environment_names_what_the_settings_read_and_nothing_else() -> None:
    read_there = set(re.findall(r"(?:env(?:\.\w+)?|_secret)\(\s*\"([A-Z_]+)\"", read("project/settings.py")))
    described = set(re.findall(r"^#?([A-Z_]+)=", read(".env.example"), re.MULTILINE))
    assert described == read_there


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_of_the_engine_that_a_document_names_exists(name: str) -> None:
    described = set(re.findall(r"^#?([A-Z_]+)=", read(".env.example"), re.MULTILINE))
    named = set(re.findall(r"`((?:SEND|Q|IMPORT|FIELD|SECURE|WEB|SANDBOX)_[A-Z_]+)", read(name)))
    assert named <= described


def test_the_table_of_campaign_moves_is_that_of_the_code() -> None:
    rows = table(read("docs/states.md").partition("## A message")[0], "from")
    assert {(row[0], row[1]) for row in rows} == moves(CAMPAIGN_MOVES)


def test_the_table_of_message_moves_is_that_of_the_code() -> None:
    rows = table(read("docs/states.md").partition("## A message")[2], "from")
    documented = [(row[0], new) for row in rows for new in row[1].split(", ")]
    assert sorted(documented) == sorted(moves(MESSAGE_MOVES))


def test_the_table_of_message_statuses_is_that_of_the_code() -> None:
    rows = {row[0]: (row[1], row[3]) for row in table(read("docs/states.md"), "status")}
    assert rows == {
        status.name.lower(): (str(int(status)), "yes" if status in FINAL else "no") for status in MessageStatus
    }


def test_the_table_of_a_bulks_states_is_that_of_the_code() -> None:
    rows = {row[0]: row[2] for row in table(read("docs/states.md"), "state")}
    assert rows == {state: "yes" if state in FINAL_STATES else "no" for state in Bulk.State.values}


def alarms() -> list[str]:
    """The log's sentences, or parts of them, that the operations manual explains."""
    rows = table(read("docs/operations.md"), "seen")
    return [quoted for row in rows for quoted in re.findall(r"`([^`]+)`", row[0]) if " " in quoted]


def logged() -> list[str]:
    """Every sentence that the program logs as a warning or an error."""
    paths = [path for folder in FOLDERS[:4] for path in (ROOT / folder).rglob("*.py")]
    call = re.compile(r"logger\.(?:warning|error|exception)\(\s*\"([^\"]+)\"")
    return [sentence for path in paths for sentence in call.findall(path.read_text(encoding="utf-8"))]


def test_every_alarm_is_a_sentence_that_the_program_logs() -> None:
    sentences = logged()
    assert [alarm for alarm in alarms() if not any(alarm in sentence for sentence in sentences)] == []


def test_every_warning_and_error_of_the_log_is_explained() -> None:
    explained = alarms()
    assert [sentence for sentence in logged() if not any(alarm in sentence for alarm in explained)] == []


def test_there_are_at_most_eight_decisions_and_all_are_listed() -> None:
    records = sorted(path.name for path in (ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    assert len(records) <= 8
    assert sorted(LINK.findall(read("docs/decisions/README.md"))) == records
