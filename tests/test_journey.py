"""The main job from end to end, by the documented commands and real processes: 22,000 rows in, 20,000 fates out."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from campaigns.models import Campaign
from tests import builders
from tests.faults.conftest import Processes, until
from tests.providers.servers import free_port

ROOT = Path(__file__).resolve().parents[1]
PEOPLE, REFUSED, REPEATED = 20_000, 1_000, 1_000
AUDIENCE = {"audience": PEOPLE, "balanced": True, "counters_match": True}
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.django_db(transaction=True)]


class Site:
    """The web server, the worker and the sandbox as ``make run`` starts them, on ports of their own."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.web, self.provider = free_port(), free_port()
        self.processes = Processes(environment | {"WEB_PORT": str(self.web), "SANDBOX_PORT": str(self.provider)})

    def start(self) -> None:
        bind = ("--worker-class", "gthread", "--workers", "2", "--threads", "8", "--bind", f"127.0.0.1:{self.web}")
        self.processes.start("-m", "gunicorn", "project.wsgi", *bind, "--no-control-socket", "--log-level", "warning")
        fates = ("--sent-after", "0.2", "--final-after", "1")
        self.processes.start("manage.py", "sandbox", "--port", self.provider, *fates)
        self.processes.start("manage.py", "worker")

    def command(self, *arguments: object) -> dict[str, Any]:
        """What a documented command prints with ``--json``."""
        command = [sys.executable, "manage.py", *map(str, arguments)]
        done = subprocess.run(command, cwd=ROOT, env=self.processes.environment, capture_output=True, check=True)
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def ledger(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.provider}/_sandbox/ledger", timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)
        return found


@pytest.fixture
def site(process_environment: dict[str, str], tmp_path: Path) -> Iterator[Site]:
    site = Site(process_environment | {"VAR_DIR": str(tmp_path), "SEND_SLICE": "2"})
    yield site
    for process in site.processes.started:
        site.processes.kill(process)


def contacts_file(folder: Path) -> Path:
    """Everybody once, a thousand twice, and a thousand rows that are nobody's number; the bad rows among the good."""
    good = [f"09{120000000 + n},نام{n},خانواده" for n in range(PEOPLE)]
    rows = good + [f"+98{9120000000 + n},تکراری,{n}" for n in range(REPEATED)]
    for n in range(REFUSED):
        rows.insert(n * 20, f"02{n:03},بی,شماره")
    path = folder / "customers.csv"
    path.write_text("موبایل,نام,نام خانوادگی\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_twenty_thousand_people_get_one_message_each_and_every_fate_is_known(site: Site, tmp_path: Path) -> None:
    made = site.command("import_contacts", contacts_file(tmp_path), "--phonebook", "customers", "--json")
    assert {key: made[key] for key in ("rows", "new", "refused", "repeated")} == {
        "rows": PEOPLE + REFUSED + REPEATED, "new": PEOPLE, "refused": REFUSED, "repeated": REPEATED,
    }  # fmt: skip
    address = ("--base-url", f"http://127.0.0.1:{site.provider}", "--credential", f"api_token={builders.TOKEN}")
    over = ("--line", "90000123", "--line-kind", "service", "--batch-size", "10000")
    site.command("account", "add", "--provider", "najva", "--name", "sandbox", *address, *over, "--json")
    site.start()
    text = ("--text", "سلام، حراج نوروزی آغاز شد.")
    campaign = site.command(
        "campaign", "create", "--name", "Nowruz", "--line", "90000123", *text, "--phonebook", "customers", "--json"
    )
    assert site.command("campaign", "launch", campaign["id"], "--json")["status"] == "preparing"
    until(lambda: Campaign.objects.get(pk=campaign["id"]).finished_at, 120)
    sent = site.ledger()
    assert (sent["messages"], sent["numbers"], sent["repeated"]) == (PEOPLE, PEOPLE, {})
    assert max(request["count"] for request in sent["by_request"]) <= 10_000
    until(lambda: builders.counts(Campaign.objects.get(pk=campaign["id"])) == {"delivered": PEOPLE}, 150)
    until(lambda: site.ledger()["counters"].get("webhooks_taken") == 2 * PEOPLE, 60)  # sent and delivered, each once
    audit = site.command("campaign", "audit", campaign["id"], "--json")
    assert audit.items() >= (AUDIENCE | {"delivered": PEOPLE}).items()
    assert site.command("campaign", "show", campaign["id"], "--json")["status"] == "completed"
