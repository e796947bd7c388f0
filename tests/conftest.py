"""The suite's surroundings: its own settings, its databases, no network, and a browser.

``pytest`` runs on SQLite in a file. ``pytest --database postgres`` runs on the server of TEST_DATABASE_URL, or else on
an embedded one. Settings come from the environment that is made here, before Django is set up: the product never asks
whether it is under test.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import hypothesis
import pytest
from cryptography.fernet import Fernet
from django.conf import settings
from django.core.cache import cache

from tests import chromium, network
from tests.postgres import embedded_postgres

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page
    from pytest_django.live_server_helper import LiveServer

STACK = pytest.StashKey[ExitStack]()
DATABASE_URL = pytest.StashKey[str]()
DISPOSABLE = pytest.StashKey[bool]()  # the database goes with the run; nobody else's server is touched
NO_CHROMIUM = "no Chromium was found (apt-get install chromium, or set CHROMIUM)"

# A shared machine is slow at times; an example that fails must fail again the same way elsewhere.
hypothesis.settings.register_profile(
    "suite", deadline=None, database=None, print_blob=True, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("suite")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database",
        choices=("sqlite", "postgres"),
        default="postgres" if os.environ.get("TEST_DATABASE_URL") else "sqlite",
        help="what the suite runs on; postgres means TEST_DATABASE_URL, or an embedded server without it",
    )
    parser.addoption("--exhaustive", action="store_true", help="every pair of crash point and answer, not a part")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    if settings.configured:
        raise pytest.UsageError("unset DJANGO_SETTINGS_MODULE: the suite makes its own settings")
    stack = config.stash[STACK] = ExitStack()
    temporary = tempfile.TemporaryDirectory(prefix="chapar-tests-", ignore_cleanup_errors=True)
    directory = Path(stack.enter_context(temporary))
    directory.chmod(0o755)  # an embedded server started by root runs as a user of its own
    _choose_database(config, directory)
    _load_settings(directory / "var", config.stash[DATABASE_URL])


def pytest_unconfigure(config: pytest.Config) -> None:
    if STACK in config.stash:
        config.stash[STACK].close()


def _choose_database(config: pytest.Config, directory: Path) -> None:
    """Settles on a database URL; a worker of xdist takes the one that its controller has chosen."""
    given = os.environ.get("TEST_DATABASE_URL")
    if config.getoption("--database") == "sqlite":
        url, disposable = f"sqlite:///{directory / 'suite.sqlite3'}", True
    elif worker := getattr(config, "workerinput", None):
        url, disposable = worker["database_url"], worker["disposable"]
    elif given:
        url, disposable = given, False
    else:
        url, disposable = config.stash[STACK].enter_context(embedded_postgres(directory)), True
    config.stash[DATABASE_URL], config.stash[DISPOSABLE] = url, disposable


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Hands the controller's database to a worker of xdist."""
    node.workerinput["database_url"] = node.config.stash[DATABASE_URL]
    node.workerinput["disposable"] = node.config.stash[DISPOSABLE]


def _load_settings(var: Path, database_url: str) -> None:
    """Loads project.settings from an environment of our own. DEBUG only spares the tests collecting static files."""
    (var / "static").mkdir(parents=True)
    for variable in ("ALLOWED_HOSTS", "BROKER_URL", "DEMO_PASSWORD", "LANGUAGE_CODE", "PRODUCTION", "TIME_ZONE"):
        os.environ.pop(variable, None)
    os.environ.update(
        READ_DOT_ENV="false",
        VAR_DIR=str(var),
        DATABASE_URL=database_url,
        DEBUG="true",
        SECRET_KEY="only-for-this-run-" + os.urandom(24).hex(),
        FIELD_ENCRYPTION_KEYS=Fernet.generate_key().decode(),
    )
    os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings"
    settings.DATABASES["default"].setdefault("TEST", {})
    if settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
        settings.DATABASES["default"]["TEST"]["NAME"] = str(var / "test.sqlite3")  # a file: processes share it
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # a second a user is for attackers
    # Not inherited: a worker of xdist would load the settings before it has made its own directories.
    del os.environ["DJANGO_SETTINGS_MODULE"]


def pytest_report_header(config: pytest.Config) -> str:
    return f"database: {urlsplit(config.stash[DATABASE_URL]).scheme}, chromium: {chromium.find_chromium()}"


@pytest.fixture(scope="session")
def django_db_keepdb(pytestconfig: pytest.Config) -> bool:
    """A disposable server is thrown away whole; dropping its databases one by one would only wait for connections."""
    return pytestconfig.stash[DISPOSABLE]


@pytest.fixture
def process_environment(transactional_db: None, pytestconfig: pytest.Config) -> dict[str, str]:
    """The environment for a process of ours that a test starts: the same settings, the test's own database."""
    name = str(settings.DATABASES["default"]["NAME"])
    url = urlsplit(pytestconfig.stash[DATABASE_URL])
    path = name if url.scheme == "sqlite" else f"{url.path.rpartition('/')[0]}/{name}"
    database = f"sqlite:///{path}" if url.scheme == "sqlite" else url._replace(path=path).geturl()
    return os.environ | {"DATABASE_URL": database, "DJANGO_SETTINGS_MODULE": "project.settings", "DEBUG": "false"}


@pytest.fixture(scope="session", autouse=True)
def _emptied_quickly() -> Iterator[None]:
    """Tests that commit are many."""
    from django.test import TransactionTestCase

    from tests.emptying import Emptying

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", Emptying().empty)
        yield


@pytest.fixture(autouse=True)
def _a_database_without_a_past(settings: Any, tmp_path: Path) -> None:
    """A test begins with an empty database: what the one before has counted or kept in memory says nothing of it."""
    settings.WITNESS_FILE = tmp_path / "witness.json"
    cache.clear()


@pytest.fixture(scope="session", autouse=True)
def _no_network() -> Iterator[None]:
    network.forbid()
    yield
    network.allow()


@pytest.fixture(autouse=True)
def _nothing_tried_the_network() -> Iterator[None]:
    """Fails also where the code under test has swallowed the refusal."""
    network.attempts.clear()
    yield
    assert not network.attempts, network.attempts


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if chromium.find_chromium() or os.environ.get("CI") == "true":
        return
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.skip(reason=NO_CHROMIUM))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = [r for r in terminalreporter.stats.get("skipped", []) if NO_CHROMIUM in str(r.longrepr)]
    if skipped:
        terminalreporter.write_line(f"!!! {len(skipped)} BROWSER TESTS SKIPPED: {NO_CHROMIUM} !!!", red=True, bold=True)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, once a run. Playwright keeps an event loop in this thread, which Django has to be told to bear."""
    from playwright.sync_api import expect, sync_playwright

    path = chromium.find_chromium()
    if path is None:
        pytest.fail(NO_CHROMIUM)
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    expect.set_options(timeout=40_000)  # a busy machine may take its time
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=chromium.FLAGS)
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def viewport() -> tuple[int, int]:
    """Width and height of the page; override it with a parametrization of the same name."""
    return 1440, 900


@pytest.fixture
def page_problems() -> list[str]:
    """What the page did wrong. A test that provokes an error on purpose checks it here and clears the list."""
    return []


@pytest.fixture
def page(
    browser: Browser, live_server: LiveServer, viewport: tuple[int, int], page_problems: list[str]
) -> Iterator[Page]:
    """A page of the running site. Console errors, CSP violations and requests that leave the site fail the test."""
    width, height = viewport
    context = browser.new_context(base_url=live_server.url, viewport={"width": width, "height": height}, locale="fa-IR")
    page = context.new_page()
    chromium.watch(page, live_server.url, page_problems)
    yield page
    context.close()
    assert not page_problems, page_problems
