"""What the sandbox took: compact, so that a million messages fit; the oracle that our own rows are held against."""

from __future__ import annotations

import threading
import time
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_MIX, _MASK = 0x9E3779B97F4A7C15, (1 << 64) - 1
_BALE = 0xBA1E  # keeps the lots of Bale apart from those of the fates


@dataclass(slots=True)
class Taken:
    """One accepted request. Message ``first_id + n`` went to ``phones[n]`` (E.164 digits as an integer).

    ``texts`` holds one text for all, or one a phone. ``at`` in Unix seconds. ``fault`` names what its answer met.
    ``provider`` is the slug of the side that took it, ``facts`` what else its request said, as the page shows it.
    """

    first_id: int
    phones: array[int] = field(repr=False)
    texts: Sequence[str] = field(repr=False)
    sender: str
    token: str = field(repr=False)
    at: float
    file_id: str = ""
    fault: str = ""
    provider: str = "najva"
    facts: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def text(self, index: int) -> str:
        return self.texts[index if len(self.texts) > 1 else 0]


@dataclass
class Behaviour:
    """What the sandbox may be told at its start or through ``/_sandbox/settings``.

    ``shares`` maps a final status code to its share of the messages, the rest is delivered (10); ``price`` in rial a
    message; ``credit`` in rial, None without end; ``tokens`` that pass, all when empty; delays in seconds.
    """

    seed: int = 0
    price: int = 1000
    credit: int | None = None
    tokens: list[str] = field(default_factory=list)
    sent_after: float = 1.0
    final_after: float = 3.0
    shares: dict[str, float] = field(default_factory=dict)
    outbox: bool = False
    latency: float = 0.0  # seconds before every answer
    webhook: str = ""
    webhook_method: str = "POST"
    webhook_style: str = "json"  # or "sample", with the original's trailing comma, or "form"
    not_on_bale: float = 0.0  # the share of phones that Safir does not know
    gosms_rate: float = 10.0  # requests a second to one of GoSMS's endpoints; 0 without limit
    gosms_delete_after: float = 300.0  # seconds from a message's creation
    gosms_offset: str = "pages"  # what the list's offset counts; or "rows"
    bulk_ends: int = 6  # the state that IPPanel's bulks end in; 1: they wait there until this says otherwise
    inbox: list[dict[str, str]] = field(default_factory=list)  # replies on IPPanel's lines: from, number, message


class Ledger:
    """Every accepted message. All methods may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # From the clock, so that a restarted sandbox never gives an id out again; below 2**53 for JSON's readers.
        self._next_id = int(time.time() * 1000) * 1000
        self.clear()

    def clear(self) -> None:
        """Forget everything but which ids were given out."""
        with self._lock:
            self.taken: list[Taken] = []
            self._first_ids: list[int] = []
            self.departures: Counter[str] = Counter()
            self.counters: Counter[str] = Counter()

    def take(self, phones: array[int], texts: Sequence[str], **fields: Any) -> Taken:
        """Accept messages and give them consecutive ids; ``fields`` are further ones of :class:`Taken`."""
        with self._lock:
            taken = Taken(self._next_id, phones, texts, at=time.time(), **fields)
            self._next_id += max(1, len(phones))
            self.taken.append(taken)
            self._first_ids.append(taken.first_id)
            self.counters["messages"] += len(phones)
            return taken

    def count(self, what: str, number: int = 1) -> None:
        with self._lock:
            self.counters[what] += number

    def departure(self, what: str) -> None:
        """Note a request that departs from the contract."""
        with self._lock:
            self.departures[what] += 1

    def find(self, message_id: int) -> tuple[Taken, int] | None:
        """The request that holds an id, and the message's place in it."""
        with self._lock:
            place = bisect_right(self._first_ids, message_id) - 1
            if place < 0:
                return None
            taken = self.taken[place]
        index = message_id - taken.first_id
        return (taken, index) if index < len(taken.phones) else None

    def acceptances(self, since: int = 0) -> Counter[int]:
        """How often each phone was accepted, in requests whose first id is at least ``since``."""
        found: Counter[int] = Counter()
        for taken in list(self.taken):
            if taken.first_id >= since:
                found.update(taken.phones)
        return found

    def summary(self, *, phones: bool = False, since: int = 0) -> dict[str, Any]:
        """The ledger as JSON: counts, the numbers accepted more than once, one line a request."""
        requests = [taken for taken in list(self.taken) if taken.first_id >= since]
        accepted = self.acceptances(since)
        return {
            "requests": len(requests),
            "messages": accepted.total(),
            "numbers": len(accepted),
            "repeated": {f"+{phone}": times for phone, times in accepted.items() if times > 1},
            "departures": dict(self.departures),
            "counters": dict(self.counters),
            "by_request": [_line(taken, phones) for taken in requests],
        }


def fate(phone: int, behaviour: Behaviour) -> int:
    """The final status of every message to this phone: the same for the same seed."""
    left = _lot(phone, behaviour.seed)
    for code, share in behaviour.shares.items():
        left -= share
        if left < 0:
            return int(code)
    return 10


def absent(phone: int, behaviour: Behaviour) -> bool:
    """Whether this phone's owner is not on Bale: the same for the same seed, whatever his fate elsewhere."""
    return behaviour.not_on_bale > 0 and _lot(phone, behaviour.seed + _BALE) < behaviour.not_on_bale


def _lot(phone: int, seed: int) -> float:
    """A number from 0 up to 1, evenly spread over the phones."""
    mixed = ((phone ^ (seed * _MIX & _MASK)) * _MIX) & _MASK
    mixed = ((mixed ^ mixed >> 29) * _MIX) & _MASK
    return (mixed >> 11) / (1 << 53)


def status_at(taken: Taken, index: int, now: float, behaviour: Behaviour) -> int:
    """The status of a message at a moment: queued, sent, then its fate. Nothing is stored for it."""
    age = now - taken.at
    if age < behaviour.sent_after:
        return 1
    final = fate(taken.phones[index], behaviour)
    if age < behaviour.final_after:
        return 4 if final in (10, 11, 14) else 1
    return final


def _line(taken: Taken, phones: bool) -> dict[str, Any]:
    line: dict[str, Any] = {
        "first_id": taken.first_id,
        "count": len(taken.phones),
        "sender": taken.sender,
        "at": taken.at,
        "texts": len(taken.texts),
        "file_id": taken.file_id,
        "fault": taken.fault,
        "provider": taken.provider,
        "facts": dict(taken.facts),
    }
    if phones:
        line["phones"] = taken.phones.tolist()
    return line
