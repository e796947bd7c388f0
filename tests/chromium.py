"""Where Chromium is, how it is started, and what a page must not do."""

from __future__ import annotations

import os
import shutil
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Error, Page, Request

NAMES = ("/usr/bin/chromium", "chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]
ABORTED = ["console: htmx:afterRequest", "console: htmx:sendAbort"]


def find_chromium() -> str | None:
    """The browser's path: the variable CHROMIUM, else where Debian and others put it; none, None."""
    wanted = os.environ.get("CHROMIUM")
    return next((path for name in ([wanted] if wanted else NAMES) if (path := shutil.which(name))), None)


def watch(page: Page, home: str, problems: list[str]) -> None:
    """Fills ``problems`` with console errors (CSP violations too), script errors and requests that leave ``home``."""
    host = urlsplit(home).netloc

    def on_console(message: ConsoleMessage) -> None:
        if message.type == "error":
            problems.append(f"console: {message.text}")
        # htmx tells of an answer that nobody waits for any more, since the page is left or asks anew, in two errors.
        if [problem.split(",")[0] for problem in problems[-2:]] == ABORTED:
            del problems[-2:]

    def on_error(error: Error) -> None:
        problems.append(f"script: {error}")

    def on_request(request: Request) -> None:
        target = urlsplit(request.url)
        if target.scheme in ("http", "https", "ws", "wss") and target.netloc != host:
            problems.append(f"left the site: {request.url}")

    page.on("console", on_console)
    page.on("pageerror", on_error)
    page.on("request", on_request)
