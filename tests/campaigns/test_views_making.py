"""The dialogs that copy a campaign, try those again whom it did not reach, and send a test of a draft."""

from __future__ import annotations

import re
import uuid

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from campaigns import lifecycle, testing
from campaigns.models import AudienceRule, Campaign
from campaigns.states import CampaignStatus
from providers.models import SenderLine, Tariff
from providers.sandbox import Sandbox
from tests import builders
from tests.campaigns import lines
from tests.campaigns.screens import campaign_in, client_of

pytestmark = pytest.mark.django_db(transaction=True)
OURS = "09350000001"
DIALOG = {"HX-Request": "true"}


@pytest.fixture
def client() -> Client:
    client = client_of("maker", "add_campaign", "change_campaign", "launch_campaign", "test_campaign")
    user = User.objects.get(username="maker")
    user.user_permissions.add(Permission.objects.get(codename="see_numbers"))
    return client


@pytest.fixture
def draft(sandbox: Sandbox) -> Campaign:
    people = builders.contacts(7, first_name="مریم")
    over = builders.line(builders.account(sandbox))
    return builders.draft(over, builders.include(builders.phonebook(people)), text="سلام {first_name}")


def token_in(html: str) -> str:
    found = re.search(r'name="token" value="([^"]+)"', html)
    assert found
    return found[1]


@pytest.mark.parametrize("headers", [{}, DIALOG])
def test_a_copy_is_asked_for_and_made_once(client: Client, headers: dict[str, str]) -> None:
    source = campaign_in(CampaignStatus.COMPLETED)
    html = client.get(f"/campaigns/{source.pk}/clone/", headers=headers).content.decode()
    data = {"name": "Spring", "token": token_in(html)}
    for _click in range(2):
        answer = client.post(f"/campaigns/{source.pk}/clone/", data)
        made = Campaign.objects.get(made_from=source)
        assert answer["Location"] == f"/campaigns/{made.pk}/edit/"
    assert made.name == "Spring"


def test_a_further_try_tells_count_and_cost_of_what_is_ticked(client: Client, sandbox: Sandbox) -> None:
    campaign = builders.campaign_of(sandbox, 5)
    lifecycle.cancel(campaign.pk)
    Tariff.objects.create(line=campaign.line, operator=0, encoding="ucs2", rial_per_part=100)
    address = f"/campaigns/{campaign.pk}/again/"
    html = client.get(address, headers=DIALOG).content.decode()
    assert 'data-sum="5"' in html
    assert "۵۰۰" in html
    other = client.get(address, {"line": campaign.line_id}, headers=DIALOG).content.decode()
    assert 'data-sum="0"' in other
    data = {"outcome": ["cancelled"], "line": campaign.line_id, "token": token_in(html)}
    answer = client.post(address, data, follow=True)
    made = Campaign.objects.get(made_from=campaign)
    assert answer.redirect_chain[-1][0] == f"/campaigns/{made.pk}/"
    assert answer.status_code == 200


def test_a_refused_further_try_says_why_and_makes_nothing(client: Client, sandbox: Sandbox) -> None:
    campaign = builders.campaign_of(sandbox, 2)
    lifecycle.cancel(campaign.pk)
    address = f"/campaigns/{campaign.pk}/again/"
    for data in ({"line": campaign.line_id}, {"outcome": "cancelled", "line": "0"}):
        answer = client.post(address, {**data, "token": uuid.uuid4()}, follow=True)
        assert list(answer.context["messages"])
    assert Campaign.objects.count() == 1
    assert "problem" in client.get(f"/campaigns/{campaign_in(CampaignStatus.RUNNING).pk}/again/").context


def test_the_buttons_stand_where_they_make_sense(client: Client, sandbox: Sandbox) -> None:
    ended = builders.campaign_of(sandbox, 2)
    lifecycle.cancel(ended.pk)
    page = client.get(f"/campaigns/{ended.pk}/").content.decode()
    assert f'id="again-{ended.pk}"' in page
    assert f'id="clone-{ended.pk}"' in page
    running = campaign_in(CampaignStatus.RUNNING)
    assert f'id="again-{running.pk}"' not in client.get(f"/campaigns/{running.pk}/").content.decode()
    watcher = client_of("watcher").get(f"/campaigns/{ended.pk}/").content.decode()
    assert 'id="again-' not in watcher
    assert 'id="clone-' not in watcher


@pytest.mark.parametrize("word", ["clone", "again", "test", "test/sum"])
def test_who_may_not_is_refused(draft: Campaign, word: str) -> None:
    assert client_of("nobody").post(f"/campaigns/{draft.pk}/{word}/", {"token": uuid.uuid4()}).status_code == 403
    assert Campaign.objects.count() == 1


@pytest.mark.parametrize("word", ["clone", "test"])
def test_a_form_without_its_token_does_nothing(client: Client, draft: Campaign, word: str) -> None:
    data = {"numbers": OURS, "name": "x", "token": "1"}
    assert client.post(f"/campaigns/{draft.pk}/{word}/", data).status_code == 404
    assert Campaign.objects.count() == 1


def test_a_test_is_sent_from_the_dialog_and_listed(client: Client, draft: Campaign) -> None:
    address = f"/campaigns/{draft.pk}/test/"
    data = {"numbers": OURS, "token": token_in(client.get(address, headers=DIALOG).content.decode())}
    for _click in range(2):
        answer = client.post(address, data, headers=DIALOG)
        assert answer["HX-Trigger"] == "tested"
    test = Campaign.objects.get(is_test=True)
    html = client.get(f"/campaigns/{draft.pk}/tests/").content.decode()
    assert "tick from:body" in html
    lifecycle.prepare(test.pk)
    builders.send_all(test)
    assert "+989350000001" in client.get(f"/campaigns/{draft.pk}/").content.decode()


def test_a_test_that_is_over_is_polled_no_more(client: Client, draft: Campaign) -> None:
    test = testing.send(draft.pk, [OURS])
    lifecycle.cancel(test.pk)
    assert "tick from:body" not in client.get(f"/campaigns/{draft.pk}/tests/").content.decode()


def test_the_sum_tells_texts_and_cost_or_what_is_wrong(client: Client, draft: Campaign) -> None:
    Tariff.objects.create(line=draft.line, operator=0, encoding="ucs2", rial_per_part=150)
    reader = testing.readers(draft)[0]
    html = client.post(f"/campaigns/{draft.pk}/test/sum/", {"numbers": OURS, "reader": reader.pk}).content.decode()
    assert "سلام مریم" in html
    assert "۱۵۰" in html
    assert 'role="alert"' in client.post(f"/campaigns/{draft.pk}/test/sum/", {"numbers": "x"}).content.decode()


def test_a_refused_test_keeps_what_was_typed(client: Client, draft: Campaign) -> None:
    data = {"numbers": "0935", "token": uuid.uuid4()}
    html = client.post(f"/campaigns/{draft.pk}/test/", data).content.decode()
    assert ">0935</textarea>" in html
    assert 'role="alert"' in html
    assert not Campaign.objects.filter(is_test=True).exists()


def test_the_last_numbers_stand_there_for_whom_may_see_them(client: Client, draft: Campaign) -> None:
    testing.send(draft.pk, [OURS], User.objects.get(username="maker"))
    assert "+989350000001" in client.get(f"/campaigns/{draft.pk}/test/").content.decode()
    User.objects.get(username="maker").user_permissions.remove(Permission.objects.get(codename="see_numbers"))
    html = client.get(f"/campaigns/{draft.pk}/test/").content.decode()
    assert "+989350000001" not in html
    assert builders.phone(0) not in html
    assert "+989350000001" not in client.get(f"/campaigns/{draft.pk}/tests/").content.decode()


def test_a_closed_window_is_told_before_and_after(client: Client, draft: Campaign) -> None:
    SenderLine.objects.update(kind="advertising", window_start="00:00", window_end="00:00:01")
    html = client.get(f"/campaigns/{draft.pk}/test/", headers=DIALOG).content.decode()
    assert "۰۰:۰۰" in html
    assert "۰۰:۰۰" in client.post(f"/campaigns/{draft.pk}/test/sum/", {"numbers": OURS}).content.decode()


def test_a_line_whose_provider_keeps_the_recipients_says_why_there_is_no_test(client: Client, sandbox: Sandbox) -> None:
    rule = AudienceRule(kind=AudienceRule.Kind.PROVIDER, params={"phonebooks": ["123654"]})
    draft = builders.draft(lines.line("ippanel", sandbox), rule)
    page = client.get(f"/campaigns/{draft.pk}/")
    assert page.context["why_no_test"]
    assert 'id="test-send"' not in page.content.decode()


def test_many_tests_cost_no_more_queries_than_one(client: Client, draft: Campaign) -> None:
    counted = []
    for _test in range(3):
        test = testing.send(draft.pk, [OURS, builders.phone(0)])
        lifecycle.prepare(test.pk)
        builders.send_all(test)
        with CaptureQueriesContext(connection) as queries:
            client.get(f"/campaigns/{draft.pk}/tests/")
        counted.append(len(queries))
    assert counted[0] == counted[-1]
