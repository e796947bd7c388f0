"""A flood of webhooks on the real web server: everything acknowledged is stored, and the rest of the site answers."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from benchmarks.flooding import flood
from campaigns.models import DeliveryEvent
from tests import builders
from tests.browser.product import Product, fetched, until
from tests.campaigns.test_webhooks import locked_events

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
SECONDS, CALLERS = 3.0, 24
PATIENCE = 10.0  # seconds that a page may take on a machine that does other work


@pytest.fixture
def web(process_environment: dict[str, str], tmp_path: Path) -> Iterator[Product]:
    """The web server alone: no worker sweeps its spool."""
    spared = {"DEBUG": "true"}  # the collecting of static files, which takes longer than all else
    product = Product(process_environment | {"VAR_DIR": str(tmp_path)} | spared, tmp_path / "log")
    product.start("web")
    try:
        until(lambda: answers(product, "/login/", ""), "the web server", 60.0)
        yield product
    finally:
        product.stop()


def answers(product: Product, path: str, session: str) -> bool:
    """Whether a page is there, with status 200."""
    request = Request(product.url + path, headers={"Cookie": f"sessionid={session}"})
    with contextlib.suppress(OSError), urlopen(request, timeout=PATIENCE) as answer:
        return bool(answer.status == 200 and answer.url == product.url + path)
    return False


def session() -> str:
    client = Client()
    client.force_login(User.objects.create_user("operator"))
    return client.cookies["sessionid"].value


def looked_at(product: Product, session: str, seconds: float) -> list[float]:
    """How long a signed-in page and the health check took, again and again for so many seconds."""
    took, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.monotonic()
        assert answers(product, "/campaigns/", session)
        assert fetched(f"{product.url}/health/")[0] == 503  # it answers: there is no worker
        took.append(time.monotonic() - began)
    return took


def stored() -> set[int]:
    return {int(ref) for ref in DeliveryEvent.objects.values_list("provider_ref", flat=True)}


def spooled(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "spool" / "webhooks").glob("*") if not path.name.startswith(".")]


def test_the_site_answers_while_it_is_flooded_and_nothing_is_lost(web: Product) -> None:
    signed_in, path = session(), f"/{builders.account().webhook_path}"
    with ThreadPoolExecutor(1) as pool:
        flooding = pool.submit(flood, web.web_port, path, SECONDS, CALLERS)
        took = looked_at(web, signed_in, SECONDS)
        found = flooding.result(60)
    assert len(found.acknowledged) > 100
    assert not found.others, found.others
    until(lambda: set(found.acknowledged) <= stored(), "what was acknowledged", 60.0)
    assert max(took) < 2 * PATIENCE


def test_the_site_answers_while_the_events_table_is_locked(web: Product, tmp_path: Path) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer and no locks of tables")
    signed_in, path = session(), f"/{builders.account().webhook_path}"
    with ThreadPoolExecutor(1) as pool:
        with locked_events():
            flooding = pool.submit(flood, web.web_port, path, SECONDS, CALLERS)
            took = looked_at(web, signed_in, SECONDS + 1)
            assert len(spooled(tmp_path)) > 100
        found = flooding.result(60)
    assert not found.others, found.others
    until(lambda: set(found.acknowledged) <= stored(), "what was acknowledged", 60.0)
    until(lambda: not spooled(tmp_path), "an empty spool")
    assert max(took) < 2 * PATIENCE
