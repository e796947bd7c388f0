"""The Makefile's own promises, with a stand-in for the interpreter that only notes how it is called."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with the Makefile, the pins, and a .venv whose Python writes its arguments to ``calls``."""
    for name in ("Makefile", "requirements.txt", "requirements-dev.txt"):
        shutil.copy(ROOT / name, tmp_path)
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("python", "pip"):
        (programs / name).write_text('#!/bin/sh\necho "$@" >> calls\n')
        (programs / name).chmod(0o755)
    return tmp_path


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # Not the flags of the make that may run this very suite.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    command = ["make", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def calls_of(folder: Path, target: str) -> list[str]:
    """What a run of ``target`` asks Python for, each call by its subject."""
    log = folder / "calls"
    log.unlink(missing_ok=True)
    assert make(folder, target).returncode == 0
    return ["pip" if "pip install" in line else line for line in log.read_text().splitlines()]


def test_a_second_run_installs_nothing(clone: Path) -> None:
    assert calls_of(clone, "run") == ["pip", "bin/serve.py"]
    assert calls_of(clone, "run") == ["bin/serve.py"]


def test_changed_pins_are_installed(clone: Path) -> None:
    calls_of(clone, "run")
    with (clone / "requirements.txt").open("a") as pins:
        pins.write("another==1.0\n")
    assert calls_of(clone, "run") == ["pip", "bin/serve.py"]


def test_running_after_testing_installs_nothing(clone: Path) -> None:
    assert calls_of(clone, "test")[0] == "pip"
    assert calls_of(clone, "run") == ["bin/serve.py"]


def test_the_suite_runs_on_both_databases_and_in_the_browser(clone: Path) -> None:
    suites = [line for line in calls_of(clone, "test") if "pytest" in line]
    assert ["sqlite" in line for line in suites] == [True, False, True, False]
    assert ["-m browser" in line for line in suites] == [False, False, True, True]


def test_one_failing_part_fails_the_whole_test_target(clone: Path) -> None:
    (clone / ".venv" / "bin" / "python").write_text(
        '#!/bin/sh\necho "$@" >> calls\ncase "$*" in *sqlite*not\\ browser*) exit 1;; esac\n'
    )
    assert make(clone, "test").returncode != 0
    assert (clone / "calls").read_text().count("-m pytest") == 4


def test_an_old_python_is_refused_in_one_sentence(clone: Path) -> None:
    shutil.rmtree(clone / ".venv")
    result = make(clone, "run", "PYTHON=false")
    assert result.returncode != 0
    assert result.stderr.startswith("Chapar needs Python 3.11 or newer; false is older or missing.")
    assert not (clone / ".venv").exists()


@pytest.mark.parametrize(("status", "passes"), [(3, True), (0, False), (1, False)])
def test_the_random_kills_count_only_where_the_wrong_engine_is_caught(clone: Path, status: int, passes: bool) -> None:
    python = clone / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\ncase "$*" in *resends*) exit {status};; esac\n')
    assert (make(clone, "faults").returncode == 0) is passes
