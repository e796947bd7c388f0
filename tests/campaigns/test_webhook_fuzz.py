"""Whatever is sent to a webhook: an answer below 500, and no row but for what was acknowledged."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns.delivery import applying
from campaigns.models import DeliveryEvent
from providers import registry
from providers.models import ProviderAccount
from tests import builders
from tests.campaigns import calls

NAMES = st.sampled_from(["messageid", "status", "id", "message_status", "MessageID", "", "x\x00"])
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([10**400, -1, 2**63, "10", "۱۰", "\x00", "\ud800", "4\n", "0x1", "9" * 5000, "a" * 24]),
    st.floats(),
    st.text(max_size=20),
)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3))
JSON = st.one_of(st.dictionaries(NAMES, VALUES, max_size=4), st.lists(st.dictionaries(NAMES, VALUES), max_size=3))
PAIRS = st.lists(st.tuples(NAMES, st.sampled_from(["1", "10", "%00", "%ff", "%ED%A0%80", "", "a;b", "7" * 60])))
FORMS = PAIRS.map(lambda pairs: "&".join(f"{name}={value}" for name, value in pairs).encode())
DEEP = st.integers(1, 30_000).map(lambda depth: b"[" * depth + b"{}" + b"]" * depth)
PART = b'--b\r\nContent-Disposition: form-data; name="messageid"\r\n\r\n'
BODIES = st.one_of(
    JSON.map(lambda value: json.dumps(value).encode()),
    JSON.map(lambda value: json.dumps(value, ensure_ascii=False).encode("utf-16", "surrogatepass")),
    FORMS,
    DEEP,
    st.binary(max_size=200),
    st.binary(max_size=60).map(lambda rest: PART + rest + b"\r\n--b--"),
)
TYPES = st.one_of(
    st.sampled_from(
        [
            *("", "application/json", calls.FORM, "multipart/form-data; boundary=b", "multipart/form-data"),
            *('multipart/form-data; boundary="', "text/plain; charset=utf-7", "application/json; charset=nonsense"),
        ]
    ),
    st.text(st.characters(max_codepoint=255), max_size=30),
)
CALLS = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["POST", "POST", "GET", "PUT", "HEAD", "OPTIONS", "BREW", ""]),
        "body": BODIES,
        "CONTENT_TYPE": TYPES,
        "QUERY_STRING": FORMS.map(lambda form: form.decode("latin-1")) | st.text(st.characters(max_codepoint=255)),
    },
    optional={
        "CONTENT_LENGTH": st.sampled_from(["", "0", "1", "-1", "1e3", "99999999999999999999", "٣", " 5"]),
        "wsgi.input_terminated": st.just(True),
    },
)


@pytest.mark.django_db
@pytest.mark.parametrize("slug", registry.PROVIDERS)
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(call=CALLS)
def test_whatever_a_stranger_sends_gets_an_answer_and_harms_nothing(slug: str, call: dict[str, Any]) -> None:
    account, _ = ProviderAccount.objects.get_or_create(name=slug, slug=slug, base_url="http://127.0.0.1:9")
    before = DeliveryEvent.objects.count()
    status, content = calls.called(f"/{account.webhook_path}", **call)
    assert status in (200, 400, 405, 413), content
    assert DeliveryEvent.objects.count() == before + content.get("stored", 0)


@pytest.mark.django_db
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(path=st.text(st.characters(max_codepoint=255), max_size=40))
def test_whatever_address_a_stranger_tries_leads_nowhere(path: str) -> None:
    assert calls.called(f"/webhooks/{path}", b"messageid=1&status=10")[0] in (299, 404)
    assert calls.called(f"/webhooks/1/{path}/", b"messageid=1&status=10")[0] in (299, 404)
    assert not DeliveryEvent.objects.exists()


@pytest.mark.django_db
def test_what_was_stored_of_it_can_be_applied() -> None:
    account = builders.account()
    for ref, status in [("9" * 19, "nonsense"), ("0", "10"), ("1", "x" * 32), ("00012", "4")]:
        assert calls.reported(account, ref, status)[0] == 200
    applying.apply()
    assert DeliveryEvent.objects.count() == 4


@pytest.mark.django_db
@pytest.mark.parametrize("change", [{}, {"CONTENT_LENGTH": "", "wsgi.input_terminated": True}])
def test_a_megabyte_is_refused_and_not_read(change: dict[str, Any]) -> None:
    account = builders.account()
    body = b"messageid=1&status=10&" + b"x" * (1 << 20)
    facts = calls.environ(f"/{account.webhook_path}", body, **change)
    assert calls.called(f"/{account.webhook_path}", body, **(change | {"wsgi.input": facts["wsgi.input"]}))[0] == 413
    assert facts["wsgi.input"].tell() <= 65_537
