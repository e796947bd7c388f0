"""Nonsense under every name that the code reads, at every address: always an answer, never an error of ours."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.db.models import Model
from django.test import Client
from django.urls import resolve, reverse

from campaigns.models import Campaign, Message, Segment, TextTemplate
from contacts import bulk
from contacts.models import BulkAction, Contact, ContactImport, JobCategory, Phonebook, Suppression, SuppressionFile
from providers.models import ProviderAccount, SenderLine, UploadedFile
from tests.project import crawling, rows
from tests.project.test_access import addresses

pytestmark = pytest.mark.django_db
# Whose key an address has, by the beginning of its name; the first that fits.
OF: dict[str, type[Model]] = {
    "campaigns:segment": Segment,
    "campaigns:text_": TextTemplate,
    "campaigns:message": Message,
    "campaigns:file": UploadedFile,
    "campaigns:": Campaign,
    "contacts:contact": Contact,
    "contacts:phonebook": Phonebook,
    "contacts:suppression_file": SuppressionFile,
    "contacts:suppression": Suppression,
    "contacts:import": ContactImport,
    "contacts:categor": JobCategory,
    "contacts:bulk": BulkAction,
    "contacts:export": BulkAction,
    "providers:line": SenderLine,
    "providers:": ProviderAccount,
    "person": User,
}
LEFT_ALONE = {"logout", "login", "set_language", "health", "webhook"}
VALUES = ["", "\0", "9" * 40, "²", "99999-99-99", "'\"><b>%s{{\u202e😀" + "x" * 3_000]
_READ = (
    r'(?:GET|POST|query|wanted|data|given|params)\.get(?:list)?\(\s*"(\w+)"',
    r'"(\w+)" in (?:request\.)?(?:GET|POST|self\.data)',
    r"^    (\w+) = (?:forms\.|\w*Field\(|\w*Choices?\()",
)


def names() -> list[str]:
    """What the code reads from a query or a form, as it is written there."""
    sources = itertools.chain.from_iterable(
        (project.BASE_DIR / app).rglob("*.py") for app in ("campaigns", "contacts", "project", "providers")
    )
    read = "\n".join(path.read_text() for path in sources if "migrations" not in path.parts)
    pages = "\n".join(path.read_text() for path in (project.BASE_DIR / "templates").rglob("*.html"))
    found = {name for pattern in _READ for name in re.findall(pattern, read, re.MULTILINE)}
    return sorted(found | set(re.findall(r'name="([\w-]+)"', pages)))


def filled(client: Client) -> Iterator[tuple[str, str]]:
    """The name and an address of every page and form of ours, with the key of a row that is there."""
    crawling.cast()
    bulk.start(BulkAction.Kind.EXPORT, {"filter": {}}, {"by": None, "language": "en"})
    uploaded = SimpleUploadedFile("x.csv", b"phone,name\n09121234567,Sara\n0912,Ali\n")
    client.post("/imports/new/", {"file": uploaded, "new_name": "new ones"})
    keys = {model: (model._default_manager.first() or rows.make(model, 1)[0]).pk for model in OF.values()}
    for name, address in addresses():
        if name not in LEFT_ALONE:
            model = next((of for beginning, of in OF.items() if name.startswith(beginning)), None)
            kwargs = resolve(address).kwargs
            yield name, reverse(name, kwargs={**kwargs, "pk": keys[model]} if model and "pk" in kwargs else kwargs)


def errors(client: Client, method: str, value: str) -> list[tuple[str, Any]]:
    """The addresses that answer nonsense with an error of ours; what a form does is undone."""
    sent, wrong = dict.fromkeys(names(), value), []
    for name, address in filled(client):
        point = transaction.savepoint()
        answer = getattr(client, method)(address, sent)
        transaction.savepoint_rollback(point)
        if answer.status_code >= 500:
            wrong.append((name, answer.status_code))
    return wrong


@pytest.fixture(autouse=True)
def _files_in_a_folder_of_their_own(settings: Any, tmp_path: Path) -> None:
    settings.UPLOAD_DIR = settings.EXPORT_DIR = tmp_path


@pytest.fixture
def client() -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(User.objects.create_superuser("root"))
    return client


@pytest.mark.parametrize("value", VALUES)
def test_no_query_is_answered_by_an_error_of_ours(client: Client, value: str) -> None:
    assert errors(client, "get", value) == []


@pytest.mark.parametrize(("value", "script"), [(value, place % 2 == 0) for place, value in enumerate(VALUES)])
def test_no_form_is_answered_by_an_error_of_ours(client: Client, value: str, script: bool) -> None:
    if script:
        client.defaults["HTTP_HX_REQUEST"] = "true"
    assert errors(client, "post", value) == []


@pytest.mark.parametrize("typed", ["%00", "%ff%fe%ED%A0%80"])
def test_what_is_no_text_is_answered(client: Client, typed: str) -> None:
    for _name, address in filled(client):
        assert client.get(f"{address}?q={typed}&{typed}=1").status_code < 500, address
    assert client.get(f"/campaigns/{typed}/").status_code in (400, 404)
