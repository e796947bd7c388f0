"""Files of the greatest size are read at a memory that does not grow with them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

import pytest

from interface import tables
from tests.workbooks import MAIN, book, zipped

pytestmark = pytest.mark.slow
MB = 1 << 20
# The peak of a process that does nothing else: tracing every allocation would take minutes.
READ = """
import resource, sys
from pathlib import Path
import django
django.setup()
from contacts.importing.reading import open_rows
from contacts.importing.sniffing import sniff

path = Path(sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with open_rows(path, sniff(path, max_bytes=1 << 32)) as rows:
    number = sum(1 for _line, _cells, problem in rows if not problem)
print(number, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


def read(path: Path) -> tuple[int, int]:
    """How many good rows another process found in the file, and by how many bytes it grew."""
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "project.settings", "DEBUG": "false"}
    command = [sys.executable, "-c", READ, str(path)]
    answer = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    rows, grown = map(int, answer.stdout.split())
    return rows, grown


def test_five_million_rows_of_csv(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    block = "".join(f"0912{number:07d},سارا\n" for number in range(10_000)).encode()
    with path.open("wb") as file:
        file.write(b"phone,name\n")
        file.writelines(repeat(block, 500))
    rows, grown = read(path)
    assert rows == 5_000_000
    assert grown < 40 * MB


def test_two_hundred_thousand_rows_of_xlsx(tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    rows: Iterator[list[object]] = ([f"0912{number:07d}", "سارا", number] for number in range(200_000))
    tables.write(path, tables.Kind.XLSX, ["phone", "name", "code"], rows)
    found, grown = read(path)
    assert found == 200_000
    assert grown < 40 * MB


def test_texts_that_a_workbook_shares_take_their_bytes_and_little_more(tmp_path: Path) -> None:
    """A list of as many Python strings would take 100 MB."""
    strings = "".join(f"<si><t>{number:030d}</t></si>" for number in range(1_000_000))
    cells = '<c r="A{0}" t="s"><v>{0}</v></c><c r="B{0}"><v>9121234567</v></c>'
    rows = "".join(f'<row r="{line}">{cells.format(line)}</row>' for line in range(1, 1_000_000, 50))
    parts = book(rows + '<row r="1000000"><c r="A1000000" t="s"><v>999999</v></c></row>')
    parts["xl/sharedStrings.xml"] = f'<sst xmlns="{MAIN}">{strings}</sst>'
    found, grown = read(zipped(tmp_path / "x.xlsx", parts))
    assert found == 20_001
    assert grown < 75 * MB
