"""Making the next piece while the one before it is used."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from contacts.importing.ahead import one_ahead


def test_the_items_come_whole_and_in_their_order() -> None:
    assert list(one_ahead(iter(range(50)))) == list(range(50))
    assert list(one_ahead(iter([]))) == []


def test_the_next_item_is_made_while_one_is_used() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for number in range(3):
            made.append(number)
            yield number

    with closing(one_ahead(items())) as ahead:
        assert next(ahead) == 0
        deadline = time.monotonic() + 5
        while 1 not in made and time.monotonic() < deadline:
            time.sleep(0.01)
    assert 1 in made


def test_an_error_comes_at_its_place() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    ahead = one_ahead(items())
    assert next(ahead) == 1
    with pytest.raises(ValueError, match="broken"):
        next(ahead)


def test_nothing_stays_behind_whoever_stops_early() -> None:
    before = (threading.active_count(), sys.getswitchinterval())
    with closing(one_ahead(iter(range(1000)))) as ahead:
        next(ahead)
    assert (threading.active_count(), sys.getswitchinterval()) == before
