"""The site under gunicorn, as the documentation starts it, and people who click in it."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Mapping

from django.contrib.auth import get_user_model
from django.middleware.csrf import _get_new_csrf_string
from django.test import Client
from django.urls import reverse

from campaigns.models import Campaign
from tests.faults.conftest import Processes, until
from tests.providers.servers import free_port

SERVER = ("--worker-class", "gthread", "--workers", "2", "--threads", "8", "--no-control-socket")


class Tab:
    """One tab of a signed-in person's browser."""

    def __init__(self, port: int, session: str) -> None:
        self.port, self.session = port, session

    def press(self, campaign: Campaign, action: str) -> int:
        """Press a control of a campaign's page; the answer's status."""
        token = _get_new_csrf_string()
        headers = {"Cookie": f"sessionid={self.session}; csrftoken={token}", "X-CSRFToken": token}
        return post(self.port, reverse("campaigns:control", args=[campaign.pk, action]), headers)


def post(port: int, path: str, headers: Mapping[str, str], body: bytes = b"") -> int:
    """The status of one request on a connection of its own.

    Raises:
        OSError, http.client.HTTPException: no answer came.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", path, body, dict(headers))
        return connection.getresponse().status
    finally:
        connection.close()


class Web:
    """The web server on a port of its own; it may be killed and started again."""

    def __init__(self, processes: Processes) -> None:
        self.processes, self.port = processes, free_port()

    def start(self) -> None:
        bind = ("--bind", f"127.0.0.1:{self.port}")
        self.process = self.processes.start("-m", "gunicorn", "project.wsgi", *SERVER, *bind, "--log-level", "error")
        until(self._answers, 60)

    def kill(self) -> None:
        """SIGKILL to the server and all its workers."""
        self.processes.kill(self.process)

    def tab(self) -> Tab:
        """A tab in which the superuser has signed in."""
        people = get_user_model().objects
        person = people.first() or people.create_superuser("operator")
        browser = Client()
        browser.force_login(person)
        return Tab(self.port, browser.cookies["sessionid"].value)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health/", timeout=5):
                return True
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
