"""What a network does to a send, over real sockets, held against the provider's ledger and the campaign's page.

An answer lost after the messages were taken: unclear, on the page within seconds, never sent again by itself. A request
that certainly was not taken: no doubt at all, and everything goes out once the way is free. A wrong answer: what it
says for certain counts, the rest is unclear, and the page says what was odd.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from campaigns.models import Batch, Campaign
from campaigns.sending import answers, dispatch
from campaigns.states import CampaignStatus
from providers.models import ProviderAccount
from providers.sandbox import Sandbox
from tests import builders, engine
from tests.campaigns import lines
from tests.campaigns.screens import owner
from tests.providers.servers import free_port, full_backlog

pytestmark = pytest.mark.faults
THREADS = pytest.mark.django_db(transaction=True)  # a group's requests have some of their own
LISTED_WITHIN = 5.0  # seconds from the moment that an answer cannot come any more

# The forms in which an answer is lost after acceptance: the sandbox's fault and its fields.
LOST: dict[str, tuple[str, dict[str, Any]]] = {
    "dropped": ("close_after_accept", {}),
    "reset": ("reset", {}),
    "reset within the answer": ("cut", {}),
    "never": ("timeout", {}),
    "too slowly": ("drip", {"seconds": 3.0}),
    "half of the JSON": ("truncated", {}),
    "nothing in it": ("empty", {}),
    "a page of HTML": ("html", {}),
    "redirected": ("redirect", {}),
    "500": ("500", {}),
    "502": ("500", {"http": 502}),
    "503": ("500", {"http": 503}),
    "504": ("500", {"http": 504}),
}

READ_ANEW = ("dropped", "never", "half of the JSON", "a page of HTML", "502")  # each backend reads an answer by itself


@pytest.fixture(autouse=True)
def _quick(settings: Settings, tmp_path: Path, sandbox: Sandbox) -> None:
    engine.quicken(settings, tmp_path)
    sandbox.behaviour.gosms_rate = lines.FAST


def campaign_at(slug: str, sandbox: Sandbox, size: int) -> Campaign:
    """A running campaign over a provider of the sandbox, in batches of ten behind a pilot of two."""
    over = lines.line(slug, sandbox)
    ProviderAccount.objects.update(batch_size=10)
    return builders.running(over, builders.include(builders.phonebook(builders.contacts(size))))


def send(campaign: Campaign) -> None:
    """Send until nothing more goes out, whatever waits because it failed before."""
    for _slice in range(4):
        builders.send_all(campaign)
        Batch.objects.update(not_before=None)
        ProviderAccount.objects.update(next_request_at=None)


def on_the_page(client: Client, campaign: Campaign) -> int:
    """How many messages the page's panel of what is unclear speaks of."""
    context: Any = client.get(f"/campaigns/{campaign.pk}/live/").context
    return sum(row.batch.unclear for row in context.get("unclear_rows", []))


@pytest.mark.parametrize(
    ("slug", "operation", "call", "doubt", "form"),
    [
        *(pytest.param("najva", "send", 2, 10, form, marks=pytest.mark.django_db) for form in LOST),
        *(pytest.param("gosms", "gosms_send", 4, 1, form, marks=THREADS) for form in READ_ANEW),
    ],
)
def test_what_was_taken_and_not_answered_is_listed_and_not_sent_again(
    sandbox: Sandbox, slug: str, operation: str, call: int, doubt: int, form: str
) -> None:
    kind, fields = LOST[form]
    sandbox.faults.add(kind, operation, ordinals=[call], **fields)
    campaign, client = campaign_at(slug, sandbox, 12), owner()
    assert on_the_page(client, campaign) == 0
    builders.send_all(campaign)
    begun = time.monotonic()
    assert on_the_page(client, campaign) == doubt
    assert time.monotonic() - begun < LISTED_WITHIN
    send(campaign)
    assert builders.counts(campaign) == {"accepted": 12 - doubt, "unknown": doubt}
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL
    assert len(sandbox.ledger.acceptances()) == 12
    assert builders.refreshed(campaign).status == CampaignStatus.COMPLETED_WITH_PROBLEMS


@THREADS
@pytest.mark.parametrize("form", READ_ANEW)
def test_with_a_key_a_lost_answer_leaves_no_doubt_and_doubles_nothing(sandbox: Sandbox, form: str) -> None:
    kind, fields = LOST[form]
    sandbox.faults.add(kind, "safir_send", ordinals=[4], **fields)
    campaign = campaign_at("safir", sandbox, 6)
    send(campaign)
    assert builders.counts(campaign) == {"accepted": 6}
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL


@contextlib.contextmanager
def _at(address: str) -> Iterator[None]:
    """Accounts that reach for this address instead of their provider's."""
    right = ProviderAccount.objects.get().base_url
    ProviderAccount.objects.update(base_url=address)
    yield
    ProviderAccount.objects.update(base_url=right)


@contextlib.contextmanager
def _never_accepting() -> Iterator[None]:
    with full_backlog() as port, _at(f"http://127.0.0.1:{port}"):
        yield


def _fault(kind: str) -> Callable[[Sandbox], Any]:
    @contextlib.contextmanager
    def broken(sandbox: Sandbox) -> Iterator[None]:
        sandbox.faults.add(kind, "send")
        yield
        sandbox.faults.clear()

    return broken


NOT_TAKEN: dict[str, Callable[[Sandbox], Any]] = {
    "refused": lambda sandbox: _at(f"http://127.0.0.1:{free_port()}"),
    "no such name": lambda sandbox: _at("http://no-such-host.invalid"),
    "connecting in vain": lambda sandbox: _never_accepting(),
    "no TLS there": lambda sandbox: _at(sandbox.base_url.replace("http:", "https:")),
    "429": _fault("429"),
    "a wrong key": _fault("bad_token"),
    "no credit": _fault("no_credit"),
}


@pytest.mark.parametrize(
    "slug", [pytest.param("najva", marks=pytest.mark.django_db), pytest.param("gosms", marks=THREADS)]
)
@pytest.mark.parametrize("why", NOT_TAKEN)
def test_what_was_certainly_not_taken_is_no_doubt_and_goes_out_when_the_way_is_free(
    sandbox: Sandbox, slug: str, why: str
) -> None:
    campaign = campaign_at(slug, sandbox, 12)
    with NOT_TAKEN[why](sandbox):
        dispatch.work(campaign.pk, 0.5)
        assert builders.counts(campaign) == {"pending": 12}
        assert not sandbox.ledger.taken
    account = ProviderAccount.objects.get()
    ProviderAccount.objects.close_breaker(account.pk)
    Batch.objects.update(not_before=None)
    ProviderAccount.objects.update(next_request_at=None)
    send(campaign)
    assert builders.counts(campaign) == {"accepted": 12}
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL


@THREADS
@pytest.mark.parametrize(("slug", "failed"), [("najva", 2), ("gosms", 1), ("safir", 1)])
def test_a_documented_refusal_of_a_request_is_no_doubt_either(sandbox: Sandbox, slug: str, failed: int) -> None:
    sandbox.faults.add("bad_request", "send", times=1)
    campaign = campaign_at(slug, sandbox, 12)
    builders.send_all(campaign)
    assert builders.counts(campaign).get("unknown", 0) == 0
    assert builders.counts(campaign)["failed"] == failed
    assert builders.refreshed(campaign).status == CampaignStatus.PAUSED
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL


# The fault in the entries of a right answer, what the twelve then come to, and whether the page finds it odd.
WRONG: dict[str, tuple[dict[str, Any], dict[str, int], bool]] = {
    "fewer": ({"kind": "partial", "share": 0.4}, {"accepted": 6, "unknown": 6}, True),
    "more": ({"kind": "extra"}, {"accepted": 12}, True),
    "a stranger": ({"kind": "foreign"}, {"accepted": 11, "unknown": 1}, True),
    "an id twice": ({"kind": "duplicate_ids"}, {"accepted": 11, "unknown": 1}, True),
    "in another order": ({"kind": "shuffled"}, {"accepted": 12}, False),
    "one refused": ({"kind": "entry_status", "status": 6}, {"accepted": 11, "failed": 1}, False),
    "one cancelled": ({"kind": "entry_status", "status": 13}, {"accepted": 11, "cancelled": 1}, False),
    "one blocked": ({"kind": "entry_status", "status": 14}, {"accepted": 11, "blocked": 1}, False),
    "one unknown there": ({"kind": "entry_status", "status": 100}, {"accepted": 11, "unknown": 1}, True),
    "an unheard-of status": ({"kind": "entry_status", "status": 77}, {"accepted": 12}, True),
}


@pytest.mark.django_db
@pytest.mark.parametrize("how", WRONG)
def test_of_a_wrong_answer_the_certain_part_counts_and_the_page_tells_the_rest(sandbox: Sandbox, how: str) -> None:
    fault, counts, odd = WRONG[how]
    sandbox.faults.add(operation="send", ordinals=[2], **fault)
    campaign = campaign_at("najva", sandbox, 12)
    builders.send_all(campaign)
    assert builders.counts(campaign) == counts
    assert builders.wrongs(sandbox, campaign) == builders.ALL_WELL
    assert not list(answers.spool.files())
    context: Any = owner().get(f"/campaigns/{campaign.pk}/").context
    assert [batch.number for batch, _said in context["odd_requests"]] == ([1] if odd else [])
    assert sum(row.batch.unclear for row in context.get("unclear_rows", [])) == counts.get("unknown", 0)
    send(campaign)
    assert sandbox.ledger.counters["calls_send"] == 2
