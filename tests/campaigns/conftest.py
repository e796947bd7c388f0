"""The engine's surroundings in the tests: a provider of its own, an empty spool, short times."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from providers.sandbox import Sandbox, running_sandbox
from tests import engine


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A provider on a socket, in this process."""
    with running_sandbox() as sandbox:
        yield sandbox


@pytest.fixture(autouse=True)
def _quick_engine(settings: Settings, tmp_path: Path) -> None:
    """A spool of the test's own, and calls that fail after a moment."""
    engine.quicken(settings, tmp_path)
