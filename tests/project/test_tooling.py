"""What the repository promises about itself: pins, one reader of the environment, small annotated functions."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("project", "providers", "contacts", "campaigns")
Function = ast.FunctionDef | ast.AsyncFunctionDef


def python_files(*folders: str) -> list[Path]:
    found = (path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return sorted(path for path in found if "migrations" not in path.parts)


def functions(path: Path) -> Iterator[Function]:
    return (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, Function))


def place(path: Path, node: Function) -> str:
    return f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"


def required_names(source: str) -> set[str]:
    """The packages that a requirements.in names, as package indexes normalise them."""
    lines = (line.strip() for line in (ROOT / source).read_text().splitlines())
    names = (re.split(r"[\[=<>~ ]", line)[0] for line in lines if line and not line.startswith(("#", "-")))
    return {re.sub(r"[-_.]+", "-", name).lower() for name in names}


@pytest.mark.parametrize("name", ["requirements", "requirements-dev"])
def test_every_required_package_is_pinned(name: str) -> None:
    pinned = re.findall(r"^([a-z0-9-]+)==\S+", (ROOT / f"{name}.txt").read_text(), re.MULTILINE)
    assert required_names(f"{name}.in") <= set(pinned)


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_a_requirements_file_holds_pins_and_nothing_else(name: str) -> None:
    lines = (ROOT / name).read_text().splitlines()
    assert [line for line in lines if not re.fullmatch(r"[a-z0-9-]+==[0-9a-z.]+( ; .+)?", line)] == []


def test_the_development_pins_agree_with_the_product_pins() -> None:
    product, development = (
        dict(re.findall(r"^([a-z0-9-]+)==([^\s;]+)", (ROOT / name).read_text(), re.MULTILINE))
        for name in ("requirements.txt", "requirements-dev.txt")
    )
    assert product.items() <= development.items()


def test_only_the_settings_read_the_environment() -> None:
    reading = re.compile(r"os\.environ(?!\.setdefault\(\"DJANGO_SETTINGS_MODULE\")|os\.getenv|from os import .*environ")
    readers = [str(p.relative_to(ROOT)) for p in python_files(*PACKAGES) if reading.search(p.read_text())]
    assert readers == []


def test_no_file_is_longer_than_400_lines() -> None:
    files = python_files(*PACKAGES, "bin", "tests")
    assert [str(p.relative_to(ROOT)) for p in files if p.read_text().count("\n") > 400] == []


def test_no_function_is_longer_than_50_lines() -> None:
    found = ((path, node) for path in python_files(*PACKAGES, "bin") for node in functions(path))
    assert [place(p, n) for p, n in found if (n.end_lineno or 0) - n.lineno >= 50] == []


def test_every_function_is_annotated() -> None:
    found = ((path, node) for path in python_files(*PACKAGES, "bin", "tests") for node in functions(path))
    assert [place(p, n) for p, n in found if n.returns is None] == []


def test_no_drawer_modules() -> None:
    drawers = {"services", "utils", "helpers", "managers", "common", "core"}
    assert [str(p.relative_to(ROOT)) for p in python_files(*PACKAGES) if drawers & {p.stem, *p.parent.parts[-1:]}] == []


def test_the_import_rules_hold() -> None:
    linter = str(Path(sys.executable).with_name("lint-imports"))
    result = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("script", [".ci/run", "manage.py"])
def test_scripts_are_executable(script: str) -> None:
    assert (ROOT / script).stat().st_mode & 0o111
