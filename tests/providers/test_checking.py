"""A test of an account's connection: what it says of every way that one can be wrong, over real sockets."""

from __future__ import annotations

import io
import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.utils import translation
from pytest_django.fixtures import Settings

from providers import checking
from providers.checking import Check, check
from providers.models import ProviderAccount, SenderLine
from providers.registry import PROVIDERS
from providers.sandbox import Sandbox
from providers.secrets import encrypt
from tests.providers.servers import (
    Serve,
    answering,
    free_port,
    full_backlog,
    raw_server,
    read_request,
    wait_for_the_end,
)

pytestmark = pytest.mark.django_db
TOKEN = "very-secret-token-9f8e7d"
SECRETS = {"najva": "api_token", "safir": "api_access_key", "ippanel": "token", "gosms": "token"}
HTML = "<!doctype html><title>Sign in</title>"


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "CONNECT_TIMEOUT", 0.3)
    monkeypatch.setattr(checking, "READ_TIMEOUT", 0.3)


def make_account(base_url: str, slug: str = "najva", **fields: Any) -> ProviderAccount:
    credentials = encrypt({SECRETS[slug]: TOKEN})
    return ProviderAccount.objects.create(name="main", slug=slug, base_url=base_url, credentials=credentials, **fields)


def http(status: int, body: str = "", headers: str = "") -> bytes:
    content = body.encode()
    head = f"HTTP/1.1 {status} Status\r\nContent-Length: {len(content)}\r\nConnection: close\r\n{headers}\r\n"
    return head.encode() + content


def najva(status: int, message: str = "خطا") -> str:
    return json.dumps({"return": {"status": status, "message": message}, "entries": None})


def routed(answers: dict[str, bytes]) -> Serve:
    """Answers by the beginning of the path."""

    def serve(connection: socket.socket) -> None:
        path = read_request(connection).split(b" ")[1].decode()
        connection.sendall(next(answer for prefix, answer in answers.items() if path.startswith(prefix)))

    return serve


def check_against(serve: Serve, slug: str = "najva", scheme: str = "http") -> Check:
    with raw_server(serve) as server:
        return check(make_account(f"{scheme}://127.0.0.1:{server.port}", slug))


def said(found: Check) -> str:
    return " ".join(f"{finding.sentence} {finding.next}" for finding in found.findings)


# All is well


def test_an_account_in_order_says_so_and_is_noted(sandbox: Sandbox) -> None:
    account = make_account(sandbox.base_url)
    SenderLine.objects.create(account=account, sender="90000123")
    found = check(account)
    assert found.ok
    assert [(each.level, each.code) for each in found.findings] == [("ok", "in_order"), ("ok", "lines")]
    assert "accepts the key" in said(found)
    assert ProviderAccount.objects.get().checked_at is not None


LINES = {"najva": "90000123", "safir": "123456789", "ippanel": "+983000505", "gosms": "any"}


@pytest.mark.parametrize("slug", PROVIDERS)
def test_every_provider_can_be_tested_and_noted(sandbox: Sandbox, slug: str) -> None:
    account = make_account(sandbox.base_url, slug)
    SenderLine.objects.create(account=account, sender=LINES[slug])
    found = check(account)
    assert {finding.code for finding in found.findings} <= {"in_order", "lines", "line_missing_here"}
    assert sandbox.ledger.summary()["departures"] == {}


@pytest.mark.parametrize("slug", PROVIDERS)
def test_every_provider_tells_a_wrong_key(sandbox: Sandbox, slug: str) -> None:
    sandbox.behaviour.tokens = ["another"]
    assert [finding.code for finding in check(make_account(sandbox.base_url, slug)).findings] == ["wrong_key"]


def test_a_test_sends_nothing(sandbox: Sandbox) -> None:
    check(make_account(sandbox.base_url))
    assert sandbox.ledger.summary()["messages"] == 0


def test_an_account_that_is_stopped_is_told_to_go_on(sandbox: Sandbox) -> None:
    found = check(make_account(sandbox.base_url, breaker="open", breaker_code="401"))
    assert found.findings[0].next == "Sending is still stopped: let the account send again."


def test_an_account_without_a_line_is_in_order_but_told(sandbox: Sandbox) -> None:
    found = check(make_account(sandbox.base_url))
    assert (found.ok, found.findings[1].code) == (True, "no_lines")


# Every way to be wrong has its own sentence

WRONG: dict[str, tuple[Serve, str, str]] = {
    "a wrong address": (answering(http(404, "{}")), "wrong_address", "service is not at this address"),
    "a wrong address with a page": (answering(http(404, HTML)), "wrong_address", "service is not at this address"),
    "a wrong method": (answering(http(405)), "wrong_address", "service is not at this address"),
    "a wrong key": (answering(http(401, najva(401))), "wrong_key", "does not accept the account's key"),
    "a wrong key without a word": (answering(http(403)), "wrong_key", "does not accept the account's key"),
    "a wrong key in a 200": (answering(http(200, najva(401))), "wrong_key", "does not accept the account's key"),
    "a web page": (answering(http(200, HTML, "Content-Type: text/html\r\n")), "web_page", "A web page came back"),
    "a firewall's page": (answering(http(403, HTML)), "web_page", "A web page came back (HTTP 403)"),
    "a gateway's page": (answering(http(502, HTML)), "web_page", "A web page came back (HTTP 502)"),
    "a sign-in": (answering(http(302, "", "Location: /login\r\n")), "web_page", "A web page came back (HTTP 302)"),
    "no credit": (answering(http(418, najva(418))), "418", "credit at the provider is used up"),
    "too fast": (answering(http(429, najva(429))), "429", "More requests came in"),
    "an error of theirs": (answering(http(500, "{}")), "500", "had an error of its own"),
    "something else": (answering(http(200, "[1]")), "not_the_documented_json", "not one that this provider gives"),
    "nothing": (answering(http(200)), "not_the_documented_json", "not one that this provider gives"),
    "silence": (wait_for_the_end, "read_timeout", "no answer came in time"),
    "a broken answer": (answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"), "connection_lost", "broke before"),
}


@pytest.mark.parametrize(("serve", "code", "sentence"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_answer_has_its_sentence_and_its_next_step(serve: Serve, code: str, sentence: str) -> None:
    found = check_against(serve)
    [finding] = found.findings
    assert (found.ok, finding.level, finding.code) == (False, "problem", code)
    assert sentence in finding.sentence
    assert finding.next.endswith(".")
    assert ProviderAccount.objects.get().checked_at is None


UNREACHABLE = {
    "a name that does not resolve": ("http://no-such-host.invalid", "name_not_resolved", "host in the base URL"),
    "a closed port": (f"http://127.0.0.1:{free_port()}", "connection_refused", "refuses connections"),
    "an address that cannot be": ("http://127.0.0.1:99999", "invalid_request", "No request can be made"),
}


@pytest.mark.parametrize(("base_url", "code", "sentence"), UNREACHABLE.values(), ids=UNREACHABLE.keys())
def test_what_cannot_be_reached_has_its_sentence(base_url: str, code: str, sentence: str) -> None:
    [finding] = check(make_account(base_url)).findings
    assert finding.code == code
    assert sentence in finding.sentence


def test_a_host_that_never_answers_has_its_sentence() -> None:
    with full_backlog() as port:
        [finding] = check(make_account(f"http://127.0.0.1:{port}")).findings
    assert finding.code == "connect_timeout"


def test_tls_that_fails_has_its_sentence() -> None:
    [finding] = check_against(answering(http(400)), scheme="https").findings
    assert finding.code == "tls_failure"
    assert "No secure connection" in finding.sentence


def test_no_two_ways_to_be_wrong_share_a_sentence() -> None:
    serves = [WRONG[name][0] for name in ("a wrong address", "a wrong key", "a web page", "silence")]
    sentences = set()
    for serve in serves:
        sentences.add(check_against(serve).findings[0].sentence)
        ProviderAccount.objects.all().delete()
    sentences |= {check(make_account(UNREACHABLE["a closed port"][0])).findings[0].sentence}
    assert len(sentences) == 5


def test_the_providers_own_words_are_kept() -> None:
    found = check_against(answering(http(401, najva(401, "توکن نامعتبر است"))))
    assert "توکن نامعتبر است" in found.findings[0].sentence


def test_keys_that_do_not_open_the_credentials_have_their_sentence(settings: Settings) -> None:
    account = make_account("http://127.0.0.1:1")
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    [finding] = check(account).findings
    assert finding.code == "UndecryptableSecret"
    assert "FIELD_ENCRYPTION_KEYS" in finding.next


def test_a_provider_that_nobody_knows_has_its_sentence() -> None:
    account = make_account("http://127.0.0.1:1")
    account.slug = "nobody"
    assert [finding.code for finding in check(account).findings] == ["UnknownProvider"]


def test_missing_credentials_have_their_sentence() -> None:
    account = make_account("http://127.0.0.1:1")
    account.credentials = encrypt({})
    assert [finding.code for finding in check(account).findings] == ["no_credentials"]


def test_a_failed_test_leaves_what_was_known(sandbox: Sandbox) -> None:
    account = make_account("http://127.0.0.1:1", credit=5)
    check(account)
    assert ProviderAccount.objects.get().credit == 5


@pytest.mark.parametrize("serve", [answering(http(401, najva(401))), wait_for_the_end], ids=["refused", "silent"])
def test_no_secret_is_told(serve: Serve) -> None:
    assert TOKEN not in said(check_against(serve))


def test_a_test_waits_no_longer_than_it_may() -> None:
    begun = time.monotonic()
    check_against(wait_for_the_end)
    assert time.monotonic() - begun < 20  # seconds; the server would keep it waiting for longer


# Lines


def test_a_sender_of_the_wrong_form_is_a_problem() -> None:
    with raw_server(answering(http(200, json.dumps({"file_id": "abc"})))) as server:
        account = make_account(f"http://127.0.0.1:{server.port}", "safir")
        SenderLine.objects.create(account=account, sender="@bot", channel="bale")
        found = check(account)
    assert (found.ok, [finding.code for finding in found.findings]) == (False, ["in_order", "sender_form"])
    assert "@bot" in found.findings[1].sentence
    assert found.findings[1].next == "The numeric id of the Bale bot, in digits."


def test_a_line_that_is_switched_off_is_left_in_peace(sandbox: Sandbox) -> None:
    account = make_account(sandbox.base_url)
    SenderLine.objects.create(account=account, sender="", enabled=False)
    assert check(account).ok


def ippanel(*senders: str, credit: object = "1250000.5", lines_status: int = 200) -> Serve:
    def answer(data: object) -> str:
        return json.dumps({"data": data, "meta": {"status": True, "message": "انجام شد", "message_code": "200-1"}})

    rows = [{"number": sender} for sender in senders]
    lines, money = http(lines_status, answer(rows)), http(200, answer({"credit": credit}))
    return routed({"/api/number/numbers": lines, "/api/payment/credit/mine": money})


def check_ippanel(serve: Serve, *senders: str) -> Check:
    with raw_server(serve) as server:
        account = make_account(f"http://127.0.0.1:{server.port}", "ippanel")
        for sender in senders:
            SenderLine.objects.create(account=account, sender=sender)
        return check(account)


def test_the_credit_is_told_and_noted_in_rial() -> None:
    found = check_ippanel(ippanel("+983000505"), "+983000505")
    assert (found.ok, found.credit, ProviderAccount.objects.get().credit) == (True, 1_250_000, 1_250_000)
    assert "1,250,000 rial" in found.findings[0].sentence
    assert found.findings[1].sentence == "The provider knows the account's 1 line."


def test_a_credit_that_no_column_holds_is_none() -> None:
    found = check_ippanel(ippanel("+983000505", credit="9" * 40), "+983000505")
    assert (found.ok, found.credit) == (True, None)


def test_lines_are_compared_in_both_directions() -> None:
    found = check_ippanel(ippanel("+983000505", "+98PRO"), "+983000505", "+985000123")
    assert [(each.level, each.code) for each in found.findings[1:]] == [
        ("problem", "line_missing_there"),
        ("note", "line_missing_here"),
    ]
    assert "+985000123" in found.findings[1].sentence
    assert "+98PRO" in found.findings[2].sentence


def test_lines_that_the_provider_does_not_tell_are_no_problem_of_the_account() -> None:
    found = check_ippanel(ippanel("+983000505", lines_status=500), "+983000505")
    assert (found.ok, found.findings[1].code) == (True, "lines_unknown")


# The command


def run(*arguments: str) -> tuple[str, str]:
    out, error = io.StringIO(), ""
    try:
        call_command("check_account", "main", *arguments, stdout=out)
    except CommandError as refused:
        error = str(refused)
    return out.getvalue(), error


def test_the_command_says_that_all_is_well(sandbox: Sandbox) -> None:
    SenderLine.objects.create(account=make_account(sandbox.base_url), sender="90000123")
    out, error = run()
    assert "The provider answers and accepts the key." in out
    assert not error


def test_the_command_ends_with_the_problem_in_a_sentence() -> None:
    make_account(f"http://127.0.0.1:{free_port()}")
    out, error = run()
    assert not out
    assert error.startswith("The server at this address refuses connections.")


def test_the_command_prints_one_object_whatever_it_finds(sandbox: Sandbox) -> None:
    account = make_account(sandbox.base_url)
    good, none = run("--json")
    ProviderAccount.objects.filter(pk=account.pk).update(base_url=f"http://127.0.0.1:{free_port()}")
    bad, error = run("--json")
    assert [json.loads(each).keys() for each in (good, bad)] == [{"ok", "findings", "credit"}] * 2
    assert [json.loads(each)["ok"] for each in (good, bad)] == [True, False]
    assert json.loads(bad)["findings"][0].keys() == {"level", "code", "sentence", "next"}
    assert (none, bool(error)) == ("", True)


def test_the_command_does_not_know_an_account_that_is_none() -> None:
    assert run() == ("", "There is no account “main”.")
