"""Faults on demand: which call of which operation goes wrong, and how. Deterministic for a seed."""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# Najva's operations bear no prefix; "send" means the sends of every provider, "safir_send" those of one.
OPERATIONS = frozenset({"send", "p2p", "upload", "status", "outbox", "webhook", "any"})
PREFIXES = ("safir_", "ippanel_", "gosms_")
# Kinds in the order of a call's life; those that take the messages leave us in doubt.
TRANSPORT = frozenset({"refuse", "timeout", "close_after_accept", "reset", "slow", "drip", "cut"})
ANSWERS = frozenset({"429", "500", "html", "truncated", "empty", "redirect", "bad_token", "no_credit", "bad_request"})
ENTRIES = frozenset({"partial", "extra", "foreign", "duplicate_ids", "shuffled", "entry_status"})
ANSWERED = frozenset({"429", "500", "bad_token", "no_credit", "bad_request"})  # the provider's own error answers
WEBHOOKS = frozenset({"lost", "late", "repeated", "disordered", "before_answer"})
NOT_TAKEN = frozenset({"refuse", "429", "bad_token", "no_credit", "bad_request"})


class UnknownFault(ValueError):
    """A rule that names no known kind or operation."""


@dataclass
class Fault:
    """One rule. ``ordinals`` count this operation's calls from 1 since the rule was made; else ``rate`` decides.

    ``times`` bounds how often it strikes (0: for ever). ``taken`` tells whether the messages are accepted all the same;
    by default those of ``NOT_TAKEN`` are not, all others are. ``seconds`` for slow, timeout, drip, late; ``share`` of
    the entries for partial; ``status`` for entry_status; ``copies`` for repeated. ``http`` is the HTTP status that an
    error answer bears instead of its own: an error may come in a 200.
    """

    kind: str
    operation: str = "any"
    ordinals: frozenset[int] = frozenset()
    rate: float = 1.0
    times: int = 0
    taken: bool = True
    seconds: float = 0.0
    share: float = 0.5
    status: int = 6
    copies: int = 2
    http: int = 0
    calls: int = field(default=0, init=False)
    struck: int = field(default=0, init=False)

    @classmethod
    def from_json(cls, rule: Mapping[str, Any]) -> Fault:
        """A rule as the control endpoint takes it.

        Raises:
            UnknownFault: an unknown kind, operation or field.
        """
        values = dict(rule)
        kind = str(values.get("kind", ""))
        webhook = kind in WEBHOOKS
        operation = values.setdefault("operation", "webhook" if webhook else "any")
        if kind not in TRANSPORT | ANSWERS | ENTRIES | WEBHOOKS or not _is_operation(operation):
            raise UnknownFault(f"unknown fault: {kind or 'no kind'} of {operation}")
        if webhook != (operation == "webhook"):
            raise UnknownFault(f"{kind} does not happen to {operation}")
        values.setdefault("taken", kind not in NOT_TAKEN)
        values["ordinals"] = frozenset(values.get("ordinals", ()))
        try:
            return cls(**values)
        except TypeError:
            raise UnknownFault("unknown field in a fault") from None

    def strikes(self, dice: random.Random) -> bool:
        self.calls += 1
        if self.times and self.struck >= self.times:
            return False
        hit = self.calls in self.ordinals if self.ordinals else self.rate >= 1 or dice.random() < self.rate
        self.struck += hit
        return hit


def _is_operation(name: object) -> bool:
    return name in OPERATIONS or (isinstance(name, str) and name.startswith(PREFIXES))


class FaultBook:
    """The rules in force. The first that strikes wins; a webhook meets each kind on its own."""

    def __init__(self, seed: int = 0) -> None:
        self._lock = threading.Lock()
        self._seed = seed
        self.clear()

    def clear(self) -> None:
        with self._lock:
            self.rules: list[Fault] = []
            self._dice = random.Random(self._seed)  # noqa: S311 - repeatable on purpose

    def add(self, kind: str, operation: str | None = None, **fields: Any) -> Fault:
        """Add a rule, as in ``add("timeout", "send", ordinals=[2])``; see :class:`Fault` for the fields."""
        rule = Fault.from_json({"kind": kind, **({"operation": operation} if operation else {}), **fields})
        with self._lock:
            self.rules.append(rule)
        return rule

    def draw(self, operation: str) -> Fault | None:
        """The fault that this call meets, or None."""
        with self._lock:
            names = (operation, operation.rpartition("_")[2], "any")
            met = [rule for rule in self.rules if rule.operation != "webhook" and rule.operation in names]
            struck = [rule for rule in met if rule.strikes(self._dice)]
        return struck[0] if struck else None

    def has(self, kind: str) -> bool:
        return any(rule.kind == kind for rule in self.rules)

    def draw_webhook(self, kind: str) -> Fault | None:
        """The rule of this kind that this webhook call meets, or None."""
        with self._lock:
            struck = [rule for rule in self.rules if rule.kind == kind and rule.strikes(self._dice)]
        return struck[0] if struck else None
