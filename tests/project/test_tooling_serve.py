"""`make run`: what a newcomer's first minute is like."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """The program of ``make run`` in a session of its own; whatever a test leaves of it ends with the block."""
    command = [sys.executable, "bin/serve.py"]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=pipe, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)


@pytest.fixture
def newcomer(tmp_path: Path) -> dict[str, str]:
    """The environment of somebody who has just cloned the repository: nothing is set but two free ports."""
    names = ("DATABASE_URL", "DEBUG", "SECRET_KEY", "FIELD_ENCRYPTION_KEYS")
    inherited = {name: value for name, value in os.environ.items() if name not in names}
    ports = {"WEB_PORT": str(free_port()), "SANDBOX_PORT": str(free_port())}
    return inherited | ports | {"VAR_DIR": str(tmp_path / "var")}


def read_until(process: subprocess.Popen[str], last: str) -> str:
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if last in line:
            break
    return "".join(lines)


def test_a_taken_port_is_told_in_one_sentence(newcomer: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", int(newcomer["WEB_PORT"]))), running(newcomer) as process:
        output, _ = process.communicate()
    assert re.fullmatch(r"Port \d+ is taken\. Choose another one: make run WEB_PORT=\d+\n", output)
    assert process.returncode == 1


@pytest.mark.browser
def test_what_it_prints_opens_the_site_and_ctrl_c_ends_it(newcomer: dict[str, str], browser: Browser) -> None:
    with running(newcomer) as process:
        printed = read_until(process, "Ctrl-C stops it")
        facts = dict(re.findall(r"^ +(Address|User|Password): +(\S+)$", printed, re.MULTILINE))
        assert set(facts) == {"Address", "User", "Password"}, printed
        page = browser.new_page()
        page.goto(facts["Address"])
        page.locator("[name=username]").fill(facts["User"])
        page.locator("[name=password]").fill(facts["Password"])
        page.locator("form:has([name=password]) [type=submit]").click()
        expect(page.locator("[name=password]")).to_have_count(0)
        page.close()
        process.send_signal(signal.SIGINT)
        process.communicate()
    assert process.returncode == 0


@pytest.mark.browser
def test_it_ends_whole_also_when_nobody_reads_what_it_prints(newcomer: dict[str, str]) -> None:
    with running(newcomer) as process:
        read_until(process, "Ctrl-C stops it")
        assert process.stdout is not None
        process.stdout.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(40) == 0
    with socket.create_server(("127.0.0.1", int(newcomer["WEB_PORT"]))):
        pass
