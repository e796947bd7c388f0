"""The suite's own surroundings do what they promise."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from playwright.sync_api import Page

from tests import network

ROOT = Path(__file__).resolve().parents[2]


def test_a_connection_to_another_machine_is_refused() -> None:
    with pytest.raises(network.NetworkForbidden), socket.socket() as outward:
        outward.connect(("192.0.2.1", 80))
    assert network.attempts == ["socket.connect 192.0.2.1"]
    network.attempts.clear()


def test_a_name_look_up_is_refused() -> None:
    with pytest.raises(network.NetworkForbidden):
        socket.getaddrinfo("example.org", 443)
    network.attempts.clear()


def test_loopback_is_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert client.getpeername() == server.getsockname()


@pytest.mark.parametrize("host", ["127.0.0.9", "::1", "/run/socket", b"localhost", None, "x.invalid"])
def test_a_local_host_is_recognised(host: object) -> None:
    assert network.is_local(host)


@pytest.mark.parametrize("host", ["192.168.1.1", "2001:db8::1", "localhost.example.org", b"example.org"])
def test_a_foreign_host_is_recognised(host: object) -> None:
    assert not network.is_local(host)


def test_the_database_is_the_one_asked_for(pytestconfig: pytest.Config) -> None:
    wanted = {"sqlite": "sqlite", "postgres": "postgresql"}[pytestconfig.getoption("--database")]
    assert connection.vendor == wanted


def test_nothing_is_written_into_the_work_tree() -> None:
    assert not settings.VAR_DIR.is_relative_to(ROOT)
    assert not settings.PRODUCTION


def test_another_process_sees_the_rows_of_the_test(process_environment: dict[str, str]) -> None:
    User.objects.create_user("owner")
    count = "from django.contrib.auth.models import User; print('found', User.objects.filter(username='owner').count())"
    command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", count]
    result = subprocess.run(command, cwd=ROOT, env=process_environment, capture_output=True, text=True, check=True)
    assert "found 1" in result.stdout


@pytest.mark.browser
def test_a_console_error_is_noticed(page: Page, page_problems: list[str]) -> None:
    page.evaluate("console.error('broken')")
    assert page_problems == ["console: broken"]
    page_problems.clear()


@pytest.mark.browser
def test_a_request_that_leaves_the_site_is_noticed(page: Page, page_problems: list[str]) -> None:
    with page.expect_console_message():
        page.set_content("<img src='http://192.0.2.1/pixel.png'>")
    assert "left the site: http://192.0.2.1/pixel.png" in page_problems
    page_problems.clear()


@pytest.mark.browser
def test_the_database_is_open_to_a_browser_test(page: Page) -> None:
    User.objects.create_user("owner")
    assert User.objects.count() == 1
