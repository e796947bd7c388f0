"""The composer's rows about segments and about the recipients of another campaign."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from campaigns import segmenting
from campaigns.catalogue import SHOWN_CAMPAIGNS
from campaigns.models import AudienceRule, Campaign, Message, Segment
from campaigns.states import OUTCOMES, CampaignStatus, MessageStatus
from providers.models import SenderLine
from tests import builders
from tests.campaigns.screens import campaign_in, filled, owner, walk

pytestmark = pytest.mark.django_db
NEW, PARTS, COUNT = "/campaigns/new/", "/campaigns/parts/", "/campaigns/count/"


@pytest.fixture
def line() -> SenderLine:
    return builders.line(builders.account())


@pytest.fixture
def client() -> Client:
    return owner()


@pytest.fixture
def other() -> Campaign:
    """A campaign to four, of whom one got it, one did not, one blocked it and one failed."""
    campaign = campaign_in(CampaignStatus.COMPLETED, size=4)
    statuses = (MessageStatus.DELIVERED, MessageStatus.UNDELIVERED, MessageStatus.BLOCKED, MessageStatus.FAILED)
    for message, status in zip(Message.objects.of(campaign).order_by("pk"), statuses, strict=True):
        Message.objects.filter(pk=message.pk).update(status=status)
    return campaign


def segment(city: str = "تهران") -> Segment:
    condition = {"field": "attribute", "key": "city", "test": "is", "value": city}
    return Segment.objects.create(name=city, conditions=segmenting.checked({"conditions": [condition]}))


def row(kind: str, **fields: Any) -> dict[str, Any]:
    """A row as a browser sends it."""
    return {"part": ["r1"], "r1-kind": kind, **{f"r1-{name}": value for name, value in fields.items()}}


def test_a_segment_is_sent_to_and_counted(client: Client, line: SenderLine) -> None:
    builders.contacts(5, attributes={"city": "تهران"})
    builders.contacts(2, start=50)
    sent = filled(line, **row("segment", segment=segment().pk))
    assert client.post(COUNT, sent).context["headcount"].recipients == 5
    assert walk(client, sent).status_code == 302
    rule = AudienceRule.objects.get()
    assert (rule.kind, rule.rule, rule.segment, rule.params) == ("segment", "include", Segment.objects.get(), {})


def test_a_segment_is_left_out(client: Client, line: SenderLine) -> None:
    book = builders.phonebook([*builders.contacts(5, attributes={"city": "تهران"}), *builders.contacts(2, start=50)])
    sent = filled(line, book, **row("segment", segment=segment().pk, side="exclude"))
    assert client.post(COUNT, sent).context["headcount"].recipients == 2


@pytest.mark.parametrize(
    ("outcome", "people"), [("", 4), ("delivered", 1), ("undelivered", 2), ("failed", 1), ("unsent", 1), ("taken", 3)]
)
def test_the_recipients_of_another_campaign_are_chosen_by_outcome(
    client: Client, line: SenderLine, other: Campaign, outcome: str, people: int
) -> None:
    sent = filled(line, **row("campaign", source=other.pk, outcome=outcome))
    assert client.post(COUNT, sent).context["headcount"].recipients == people
    assert walk(client, sent).status_code == 302
    rule = AudienceRule.objects.get(campaign__name=sent["name"])
    assert (rule.kind, rule.source) == ("campaign", other)
    assert rule.params == ({"outcome": outcome} if outcome else {})


@pytest.mark.parametrize("kind", ["segment", "campaign"])
def test_a_row_without_its_choice_is_refused_in_it(client: Client, line: SenderLine, kind: str) -> None:
    response = walk(client, filled(line, **row(kind, segment="", source="9" * 30)))
    assert response.status_code == 422
    assert {"segment": "segment", "campaign": "source"}[kind] in response.context["form"].parts[0].errors


def test_a_saved_draft_shows_these_rows_and_keeps_them(client: Client, line: SenderLine, other: Campaign) -> None:
    failed = AudienceRule(rule="exclude", kind="campaign", source=other, params={"outcome": "failed"})
    campaign = builders.draft(line, AudienceRule(kind="segment", segment=segment()), failed)
    form = client.get(f"/campaigns/{campaign.pk}/edit/audience/").context["form"]
    assert [part.kind for part in form.parts] == ["segment", "campaign"]
    sent: dict[str, Any] = {"part": [part.prefix for part in form.parts]}
    for part in form.parts:
        sent[f"{part.prefix}-kind"] = part.kind
        sent |= {each.html_name: each.value() for each in part if each.value() is not None}
    before = list(campaign.rules.values_list("rule", "kind", "params", "segment", "source"))
    assert walk(client, filled(line, **sent), campaign).headers["Location"] == campaign.get_absolute_url()
    assert list(campaign.rules.values_list("rule", "kind", "params", "segment", "source")) == before


def test_the_newest_campaigns_are_listed_and_older_ones_found(
    client: Client, line: SenderLine, other: Campaign
) -> None:
    Campaign.objects.filter(pk=other.pk).update(name="the oldest")
    for n in range(SHOWN_CAMPAIGNS + 5):
        Campaign.objects.create(name=f"campaign {n}", line=line, text="t", audience=1)
    page = client.post(PARTS, filled(line, **row("campaign"))).content.decode()
    assert page.count("campaign ") >= SHOWN_CAMPAIGNS
    assert "the oldest" not in page
    found = client.post(PARTS, filled(line, **row("campaign", q="oldest"))).content.decode()
    assert f'<option value="{other.pk}">the oldest' in found
    chosen = client.post(PARTS, filled(line, **row("campaign", source=other.pk))).content.decode()
    assert f'<option value="{other.pk}" selected>the oldest' in chosen


def test_every_outcome_has_its_row_and_its_words(line: SenderLine, other: Campaign) -> None:
    from campaigns import parts
    from campaigns.describing import OUTCOME_WORDS

    assert set(OUTCOME_WORDS) == set(OUTCOMES)
    assert parts.kind_of(AudienceRule(kind="campaign", source=other, params={"outcome": "skipped"})) is None


def test_a_segment_that_names_what_was_deleted_chooses_nobody(client: Client, line: SenderLine) -> None:
    condition = {"field": "phonebook", "test": "none_of", "value": [987]}
    stale = Segment.objects.create(name="stale", conditions=segmenting.checked({"conditions": [condition]}))
    response = walk(client, filled(line, **row("segment", segment=stale.pk)))
    assert response.status_code == 422
    assert "include" in response.context["form"].errors
