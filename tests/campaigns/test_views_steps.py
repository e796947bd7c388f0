"""The composer as steps: saved one by one, left and taken up again, and nothing lost between two windows."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.test import Client

from campaigns import drafting, lifecycle
from campaigns.models import AudienceRule, AuditEntry, Campaign, TextTemplate
from campaigns.states import CampaignStatus
from contacts.models import Phonebook
from providers.models import SenderLine
from tests import builders
from tests.campaigns import lines
from tests.campaigns.screens import client_of, filled, owner, part_of, walk

pytestmark = pytest.mark.django_db
NEW = "/campaigns/new/"


@pytest.fixture
def line() -> SenderLine:
    return builders.line(builders.account())


@pytest.fixture
def book() -> Phonebook:
    return builders.phonebook(builders.contacts(2, first_name="سارا"))


@pytest.fixture
def client() -> Client:
    return owner()


@pytest.fixture
def begun(client: Client, line: SenderLine, book: Phonebook) -> Campaign:
    """A draft of which only the first step is filled in."""
    client.post(NEW, part_of("audience", filled(line, book)))
    return Campaign.objects.get()


def address(campaign: Campaign, step: str) -> str:
    return f"/campaigns/{campaign.pk}/edit/{step}/"


def post(client: Client, campaign: Campaign, step: str, button: str = "next", **fields: Any) -> Any:
    """Send a step's form as it is of the draft's revision by now."""
    campaign.refresh_from_db()
    return client.post(address(campaign, step), {"revision": campaign.revision, button: "1", **fields})


def test_the_first_step_makes_a_draft_on_the_first_line_and_leads_to_the_text(client: Client, begun: Campaign) -> None:
    assert (begun.text, begun.composed_to, begun.line) == ("", "text", SenderLine.objects.get())
    assert client.get(f"/campaigns/{begun.pk}/edit/").headers["Location"] == address(begun, "text")


def test_a_draft_begins_on_the_line_that_its_maker_used_last(
    client: Client, line: SenderLine, begun: Campaign, book: Phonebook
) -> None:
    other = builders.line(line.account, "90000777")
    Campaign.objects.update(line=other)
    client.post(NEW, part_of("audience", filled(line, book, token=uuid.uuid4())))
    assert Campaign.objects.latest("pk").line == other


def test_a_step_that_was_not_reached_leads_to_the_one_that_comes_next(client: Client, begun: Campaign) -> None:
    assert client.get(address(begun, "sending")).headers["Location"] == address(begun, "text")
    assert client.get(address(begun, "review")).status_code == 404


def test_save_leaves_to_the_list_and_the_draft_is_taken_up_where_it_was_left(client: Client, begun: Campaign) -> None:
    assert post(client, begun, "text", "save", text="سلام").headers["Location"] == "/campaigns/"
    assert client.get(f"/campaigns/{begun.pk}/edit/").headers["Location"] == address(begun, "sending")
    assert "سلام" in client.get(address(begun, "text")).content.decode()


def test_an_earlier_step_is_saved_without_losing_the_later_ones(
    client: Client, line: SenderLine, book: Phonebook
) -> None:
    walk(client, filled(line, book))
    campaign = Campaign.objects.get()
    answer = post(client, campaign, "text", text="متن تازه")
    assert answer.headers["Location"] == address(campaign, "sending")
    campaign.refresh_from_db()
    assert (campaign.text, campaign.composed_to) == ("متن تازه", "review")


def test_the_way_back_saves_what_was_typed(client: Client, begun: Campaign) -> None:
    campaign = begun
    answer = client.post(address(campaign, "text"), {"revision": 0, "to": "audience", "text": "نیمه"})
    assert answer.headers["Location"] == address(campaign, "audience")
    campaign.refresh_from_db()
    assert campaign.text == "نیمه"


def test_the_way_back_from_a_step_that_was_not_begun_asks_nothing(client: Client, begun: Campaign) -> None:
    answer = client.post(address(begun, "text"), {"revision": 0, "to": "audience", "text": ""})
    assert answer.headers["Location"] == address(begun, "audience")
    begun.refresh_from_db()
    assert begun.composed_to == "text"


def test_what_cannot_be_saved_is_said_with_a_way_on_that_leaves_it(client: Client, begun: Campaign) -> None:
    answer = client.post(address(begun, "text"), {"revision": 0, "to": "audience", "text": "سلام {"})
    assert answer.status_code == 422
    assert f'href="{address(begun, "audience")}"' in answer.content.decode()
    assert "سلام {" in answer.content.decode()


def test_a_form_of_an_older_revision_is_refused_and_shows_both(client: Client, begun: Campaign) -> None:
    post(client, begun, "text", text="متن پنجرهٔ نخست")
    answer = client.post(address(begun, "text"), {"revision": 0, "next": "1", "text": "متن پنجرهٔ دوم"})
    assert answer.status_code == 422
    (found,) = answer.context["stale"]
    assert (found.typed, found.saved) == ("متن پنجرهٔ دوم", "متن پنجرهٔ نخست")
    begun.refresh_from_db()
    assert begun.text == "متن پنجرهٔ نخست"


def test_what_was_typed_takes_the_place_when_it_is_saved_once_more(client: Client, begun: Campaign) -> None:
    post(client, begun, "text", text="نخست")
    answer = client.post(address(begun, "text"), {"revision": 0, "next": "1", "text": "دوم"})
    again = client.post(address(begun, "text"), {"revision": answer.context["revision"], "next": "1", "text": "دوم"})
    assert again.headers["Location"] == address(begun, "sending")
    begun.refresh_from_db()
    assert begun.text == "دوم"


def test_rules_of_two_windows_are_shown_in_words(client: Client, begun: Campaign, line: SenderLine) -> None:
    other = builders.phonebook(builders.contacts(1, start=50), name="others")
    sent = part_of("audience", filled(line, other))
    client.post(address(begun, "audience"), sent | {"revision": 0, "name": "دیگر"})
    stale = client.post(address(begun, "audience"), part_of("audience", filled(line, name="نو", numbers="09121234567")))
    assert stale.status_code == 422
    assert [each.is_rules for each in stale.context["stale"]] == [False, True]
    assert stale.context["stale"][1].saved[0].names == ["others"]


def test_a_double_click_or_a_reload_is_the_same_save(client: Client, begun: Campaign) -> None:
    sent = {"revision": 0, "next": "1", "text": "سلام"}
    answers = [client.post(address(begun, "text"), sent) for _ in range(2)]
    assert [answer.headers["Location"] for answer in answers] == [address(begun, "sending")] * 2
    begun.refresh_from_db()
    assert begun.revision == 1
    assert AuditEntry.objects.filter(action="revised").count() == 1


def test_the_form_that_made_a_draft_leads_back_to_it(client: Client, begun: Campaign) -> None:
    assert client.get(f"{NEW}?token={begun.form_token}").headers["Location"] == address(begun, "audience")
    assert client.get(f"{NEW}?token={uuid.uuid4()}").status_code == 200


def test_an_unfinished_draft_is_not_launched(client: Client, begun: Campaign) -> None:
    post(client, begun, "text", text="سلام")
    page = client.get(f"/campaigns/{begun.pk}/")
    assert not page.context["launchable"]
    assert f'href="/campaigns/{begun.pk}/edit/"' in page.content.decode()
    with pytest.raises(lifecycle.NotAllowed):
        lifecycle.launch(begun.pk)
    assert builders.refreshed(begun).status == CampaignStatus.DRAFT


def test_a_draft_begins_with_a_kept_text(client: Client, line: SenderLine, book: Phonebook) -> None:
    kept = TextTemplate.objects.create(name="خوش‌آمد", text="خوش آمدید {first_name}")
    client.post(f"{NEW}?text={kept.pk}", part_of("audience", filled(line, book)))
    assert Campaign.objects.get().text == "خوش آمدید {first_name}"


def test_another_source_takes_a_line_that_suits_it(client: Client, begun: Campaign, line: SenderLine) -> None:
    theirs = lines.line("ippanel")
    rows: dict[str, Any] = {
        "source": theirs.account_id,
        "kept_account": theirs.account_id,
        "part": ["r0"],
        "r0-kind": "jobs",
    }
    book = Phonebook.objects.create(account=theirs.account, provider_ref="7", name="همایش", size=4)
    rows |= {"r0-kind": "books", "r0-books": [book.provider_ref], "kept_kind": "books"}
    post(client, begun, "audience", name="نو", **rows)
    begun.refresh_from_db()
    assert begun.line == theirs
    post(client, begun, "audience", name="نو", source="ours", numbers="09121234567")
    begun.refresh_from_db()
    assert begun.line == line


def test_a_deleted_or_launched_draft_refuses_a_late_form(client: Client, line: SenderLine, book: Phonebook) -> None:
    walk(client, filled(line, book))
    campaign = Campaign.objects.get()
    lifecycle.launch(campaign.pk)
    late = client.post(address(campaign, "text"), {"revision": 2, "text": "دیر"})
    assert late.headers["Location"] == f"/campaigns/{campaign.pk}/"
    with pytest.raises(drafting.InvalidDraft):
        drafting.revise(campaign.pk, text="دیر")


def test_pasted_numbers_are_changed_by_who_may_see_them_alone(line: SenderLine) -> None:
    rule = AudienceRule(kind="numbers", params={"numbers": [builders.phone(1)]})
    draft = builders.draft(line, rule)
    for permission, status in (("see_numbers", 200), ("view_contact", 403)):
        person = client_of(permission, "change_campaign", permission)
        assert person.get(address(draft, "audience")).status_code == status
