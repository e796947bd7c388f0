"""Commands as scripts call them: what is wrong comes as status 1 and words on standard error, and changes nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from campaigns.models import Campaign
from contacts.models import ContactImport
from providers.models import ProviderAccount

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "arguments",
    [
        ["campaign", "show", "seven", "--json"],
        ["campaign", "show", "7", "--json"],
        ["campaign", "launch", "--json"],
        ["campaign", "create", "--name", "a", "--line", "1", "--text", "b", "--json"],
        ["account", "add", "--provider", "nobody", "--name", "a", "--json"],
        ["account", "add", "--json"],
        ["import_contacts", "/nowhere.csv", "--phonebook", "a", "--json"],
        ["import_contacts", "--json"],
    ],
)
def test_a_wrong_call_ends_with_one_and_says_why(process_environment: dict[str, str], arguments: list[str]) -> None:
    command = [sys.executable, "manage.py", *arguments]
    ended = subprocess.run(command, cwd=ROOT, env=process_environment, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.strip()
    assert "Traceback" not in ended.stderr
    assert not any(model.objects.exists() for model in (Campaign, ContactImport, ProviderAccount))
