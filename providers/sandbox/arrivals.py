"""What arrived, put together for the page: thousands of requests of one recipient become one entry."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from providers.sandbox.ledger import Taken

PAUSE = 30.0  # seconds of silence after which the same kind of request begins a new entry
MAX_TEXTS = 200  # different texts that are counted; beyond it there are "many"
MAX_PHONES = 60


@dataclass
class Arrival:
    """One request, or a run of like requests of one recipient. Times in Unix seconds, ``phones`` the first of them."""

    first: Taken
    began: float
    ended: float
    requests: int = 0
    messages: int = 0
    texts: Counter[str] = field(default_factory=Counter)
    phones: list[int] = field(default_factory=list)

    def add(self, taken: Taken) -> None:
        """Count another request in."""
        self.began, self.ended = min(self.began, taken.at), max(self.ended, taken.at)
        self.requests += 1
        self.messages += len(taken.phones)
        self.phones += taken.phones[: MAX_PHONES - len(self.phones)]
        for text in taken.texts if len(self.texts) < MAX_TEXTS else ():
            self.texts[text] += 1 if len(taken.texts) > 1 else len(taken.phones)

    @property
    def is_run(self) -> bool:
        """Several requests stand in this entry."""
        return self.requests > 1

    @property
    def many_texts(self) -> bool:
        """Every recipient, or nearly, has a text of his own."""
        return len(self.texts) > 3


def arrivals(requests: Sequence[Taken], most: int) -> list[Arrival]:
    """The latest entries, the newest first, at most ``most`` of them."""
    found: list[Arrival] = []
    running: dict[tuple[object, ...], Arrival] = {}
    for taken in requests:
        key = _kind(taken)
        arrival = running.get(key) if key else None
        if arrival is None or taken.at - arrival.ended > PAUSE:
            arrival = Arrival(taken, taken.at, taken.at)
            found.append(arrival)
            if key:
                running[key] = arrival
        arrival.add(taken)
    return sorted(found, key=lambda each: each.ended, reverse=True)[:most]


def _kind(taken: Taken) -> tuple[object, ...]:
    """What the requests of a run have in common; empty for a request that stands for itself."""
    if len(taken.phones) != 1 or "params" in taken.facts:
        return ()
    facts = taken.facts
    return (
        taken.provider,
        taken.sender,
        taken.token,
        taken.file_id,
        taken.fault,
        bool(facts.get("secure")),
        bool(facts.get("copy_text")),
    )


def totals(requests: Iterable[Taken]) -> tuple[Counter[str], Counter[str]]:
    """How many requests and how many messages each provider took."""
    taken, messages = Counter[str](), Counter[str]()
    for each in requests:
        taken[each.provider] += 1
        messages[each.provider] += len(each.phones)
    return taken, messages
