"""What people see of a database that was restored, and how they say what it is."""

from __future__ import annotations

import pytest
from django.test import Client

from campaigns import ringing
from campaigns.models import Witness
from campaigns.states import CampaignStatus
from tests.campaigns.screens import campaign_in, client_of, owner
from tests.campaigns.test_restoring import set_back

pytestmark = pytest.mark.django_db(transaction=True)
SAYS = "was restored, copied or moved"


@pytest.fixture(autouse=True)
def _in_english(settings: object) -> None:
    settings.LANGUAGE_CODE = "en"  # type: ignore[attr-defined]


def page(client: Client, address: str = "/", **headers: str) -> str:
    return client.get(address, headers={"accept-language": "en", **headers}).content.decode()


def test_in_ordinary_times_the_dashboard_says_nothing_of_it() -> None:
    assert SAYS not in page(owner())


def test_the_dashboard_and_every_live_campaign_say_that_nothing_is_sent() -> None:
    running, scheduled = campaign_in(CampaignStatus.RUNNING), campaign_in(CampaignStatus.SCHEDULED)
    completed, client = campaign_in(CampaignStatus.COMPLETED), owner()
    set_back()
    ringing.tick()
    assert SAYS in page(client)
    assert SAYS in page(client, running.get_absolute_url())
    assert SAYS in page(client, scheduled.get_absolute_url())
    assert SAYS not in page(client, completed.get_absolute_url())


def test_the_dialogs_tell_what_is_at_stake() -> None:
    campaign_in(CampaignStatus.RUNNING)
    campaign_in(CampaignStatus.SCHEDULED)
    set_back()
    ringing.tick()
    shown = page(owner())
    assert "Running campaigns are paused (1)" in shown
    assert "become drafts again (1)" in shown
    assert "unsent become unclear (3)" in shown
    assert "3 messages of running and paused campaigns count as unsent" in shown


def test_a_page_that_was_open_gets_the_dialogs_once_and_keeps_them() -> None:
    client = owner()
    set_back()
    ringing.tick()
    fresh = page(client, "/", **{"HX-Request": "true"})
    assert 'id="restored-dialogs" hx-swap-oob="true"' in fresh
    assert "?seen=restored" in fresh
    assert "restored-dialogs" not in page(client, "/?seen=restored", **{"HX-Request": "true"})


def test_who_may_not_launch_may_not_decide() -> None:
    client = client_of("guest")
    set_back()
    ringing.tick()
    assert 'id="nothing-sent"' not in page(client)
    assert client.post("/restored/nothing-sent/").status_code == 403
    assert Witness.objects.get().doubt


@pytest.mark.parametrize(("answer", "status"), [("sent-meanwhile", "paused"), ("nothing-sent", "running")])
def test_a_person_decides_on_the_dashboard(answer: str, status: str) -> None:
    campaign, client = campaign_in(CampaignStatus.RUNNING), owner()
    set_back()
    ringing.tick()
    assert client.post(f"/restored/{answer}/").status_code == 302
    campaign.refresh_from_db()
    assert campaign.status == status
    assert SAYS not in page(client)


def test_a_second_click_finds_it_decided() -> None:
    client = owner()
    set_back()
    ringing.tick()
    client.post("/restored/nothing-sent/")
    assert "There is nothing to confirm any more." in page_after(client, "/restored/nothing-sent/")
    assert client.post("/restored/perhaps/").status_code == 404


def page_after(client: Client, address: str) -> str:
    return client.post(address, follow=True, headers={"accept-language": "en"}).content.decode()
