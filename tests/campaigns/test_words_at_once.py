"""Two people say something of one campaign at the same moment: each of them is heard or refused, none sees an error."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from itertools import combinations_with_replacement

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client
from pytest_django.fixtures import Settings

from campaigns import approving, drafting, lifecycle, sealing
from campaigns.drafting import InvalidDraft
from campaigns.lifecycle import NotAllowed
from campaigns.models import Approval, Campaign
from campaigns.states import CampaignStatus
from tests.campaigns.approvals import person, priced_draft
from tests.parallel import at_once

pytestmark = pytest.mark.django_db(transaction=True)
S = CampaignStatus
Word = Callable[[int, User], object]
WORDS: dict[str, Word] = {
    "submit": approving.submit,
    "approve": approving.approve,
    "reject": lambda pk, by: approving.reject(pk, by, "no"),
    "withdraw": approving.withdraw,
    "launch": lifecycle.launch,
    "cancel": lifecycle.cancel,
    "revise": lambda pk, by: drafting.revise(pk, actor=by, text="other"),
    "discard": drafting.discard,
}
SENSIBLE = {  # what may be said of a campaign, and refused
    "draft": ("submit", "launch", "cancel", "revise", "discard"),
    "requested": ("approve", "reject", "withdraw", "cancel"),
    "approved": ("launch", "reject", "withdraw", "cancel"),
}
PAIRS = [(begun, *pair) for begun, words in SENSIBLE.items() for pair in combinations_with_replacement(words, 2)]


def said(word: str, campaign: Campaign, by: User) -> bool:
    """Whether somebody was heard."""
    try:
        WORDS[word](campaign.pk, by)
    except (NotAllowed, InvalidDraft, Campaign.DoesNotExist):
        return False
    return True


def is_in_order(campaign: Campaign) -> bool:
    """What goes out is what was approved; what waits has one request or approval; what may be changed has none."""
    now = Campaign.objects.filter(pk=campaign.pk).first()
    if now is None:
        return not Approval.objects.exists()
    standing = list(now.approvals.filter(decision__in=["requested", "approved"]))
    if now.status == S.PREPARING:
        return [each.decision for each in standing] == ["approved"] and standing[0].facts["hashes"] == sealing.hashes(
            now
        )
    return now.status == S.CANCELLED or bool(standing) == (now.status == S.PENDING_APPROVAL)


@pytest.mark.parametrize(("begun", "one", "two"), PAIRS)
def test_whatever_two_say_at_once_nothing_unapproved_goes_out(
    settings: Settings, begun: str, one: str, two: str
) -> None:
    settings.APPROVAL = "required"
    campaign, by = priced_draft(), person("both", "approve_campaign")
    if begun != "draft":
        approving.submit(campaign.pk)
    if begun == "approved":
        approving.approve(campaign.pk, by)
    at_once(lambda: said(one, campaign, by), 1, lambda: said(two, campaign, by), 1)
    assert is_in_order(campaign)


def posted(client: Client, address: str) -> int:
    try:
        return client.post(address).status_code
    finally:
        connection.close()


@pytest.mark.parametrize("word", ["launch/", "approval/submit/"])
def test_what_is_said_of_a_draft_that_goes_meanwhile_finds_nothing(word: str) -> None:
    campaign, client = priced_draft(), Client()
    client.force_login(User.objects.create_superuser("root", password="irrelevant"))
    address = f"/campaigns/{campaign.pk}/"
    client.get(address)
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            drafting.discard(campaign.pk)
            saying = pool.submit(posted, client, address + word)
            wait([saying], timeout=2)
        assert saying.result(60) == 404
