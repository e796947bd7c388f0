"""``manage.py sandbox`` as people start it: a process of its own that stops when it is told."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator

import pytest
from django.conf import settings

from providers.models import ProviderAccount
from providers.secrets import encrypt
from tests.providers.sending import TEXT, until
from tests.providers.servers import free_port
from tests.providers.webhooks import Receiver


@pytest.fixture
def process(process_environment: dict[str, str], receiver: Receiver) -> Iterator[subprocess.Popen[str]]:
    base = receiver.url.partition("/webhooks")[0]
    options = ["--port", str(free_port()), "--webhook-base", base, "--sent-after", "0", "--final-after", "0"]
    command = [sys.executable, "manage.py", "sandbox", *options]
    started = subprocess.Popen(
        command,
        cwd=settings.BASE_DIR,
        env=process_environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with started:
        yield started
        started.kill()


@pytest.mark.django_db(transaction=True)
def test_it_answers_reports_to_the_account_and_stops_cleanly(
    process: subprocess.Popen[str], receiver: Receiver
) -> None:
    credentials = encrypt({"api_token": "mine"})
    ProviderAccount.objects.create(name="main", slug="najva", base_url="http://127.0.0.1:1", credentials=credentials)
    assert process.stdout
    base_url = process.stdout.readline().split()[-1]
    body = json.dumps({"message": TEXT, "sender": "90000123", "receivers": ["09120000000"]}).encode()
    headers = {"Authorization": "Bearer mine", "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(f"{base_url}/v2/sms/send", body, headers), timeout=5) as answer:
        sent = json.load(answer)["entries"][0]["messageid"]
    until(lambda: len(receiver.calls) == 2)
    assert set(receiver.calls) == {(sent, 4), (sent, 10)}
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 0
