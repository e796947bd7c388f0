"""The composer on limits and samples: what is saved, refused, and shown live."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from campaigns.models import Campaign
from contacts.models import Phonebook, Suppression
from providers.models import SenderLine
from tests import builders
from tests.campaigns.screens import filled, owner, walk


@pytest.fixture
def line(db: None) -> SenderLine:
    return builders.line(builders.account())


@pytest.fixture
def book(line: SenderLine) -> Phonebook:
    return builders.phonebook(builders.contacts(6))


@pytest.fixture
def client(db: None) -> Client:
    return owner()


def test_a_limit_and_a_sample_are_saved_and_come_back(client: Client, line: SenderLine, book: Phonebook) -> None:
    walk(client, filled(line, book, cap_messages=2, cap_days=7, sample_size=3))
    campaign = Campaign.objects.get()
    assert (campaign.cap_messages, campaign.cap_days, campaign.sample_size) == (2, 7, 3)
    form = client.get(f"/campaigns/{campaign.pk}/edit/audience/").context["form"]
    assert [form[name].value() for name in ("cap_messages", "cap_days", "sample_size")] == [2, 7, 3]


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("cap_messages", {"cap_messages": 2}),
        ("cap_messages", {"cap_days": 7}),
        ("cap_days", {"cap_messages": 1, "cap_days": 31}),
        ("sample_size", {"sample_size": 0}),
    ],
)
def test_half_a_limit_or_too_much_of_one_is_refused(
    client: Client, line: SenderLine, book: Phonebook, field: str, values: dict[str, int]
) -> None:
    response = walk(client, filled(line, book, save="1", **values))
    assert response.status_code == 422
    assert response.context["form"].errors[field]
    assert not Campaign.objects.exists()


def test_the_count_tells_who_gets_it_and_who_does_not(client: Client, line: SenderLine, book: Phonebook) -> None:
    builders.running(line, builders.include(book, size=2))
    Suppression.objects.create(phone=builders.phone(5), reason="opt_out")
    values = filled(line, book, cap_messages=1, cap_days=7, sample_size=2)
    shares = client.post("/campaigns/count/", values).context["accounting"]
    found = {share.name: share.number for share in shares}
    assert found == {"gets_it": 2, "opted_out": 1, "capped": 2, "not_drawn": 1}


def test_the_command_takes_both(line: SenderLine, book: Phonebook) -> None:
    out = io.StringIO()
    basic = ["create", "--name", "x", "--line", line.sender, "--text", "سلام", "--phonebook", book.name, "--json"]
    call_command("campaign", *basic, "--sample", "3", "--cap", "2/7", stdout=out)
    campaign = Campaign.objects.get(pk=json.loads(out.getvalue())["id"])
    assert (campaign.cap_messages, campaign.cap_days, campaign.sample_size) == (2, 7, 3)
    for wrong in (["--cap", "2"], ["--cap", "0/7"], ["--cap", "2/99"], ["--sample", "0"]):
        with pytest.raises(CommandError):
            call_command("campaign", *basic, *wrong)
    assert Campaign.objects.count() == 1
