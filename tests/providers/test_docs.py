"""docs/providers.md is what the backends say of themselves."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from providers.base import Provider
from providers.registry import PROVIDERS
from providers.sandbox.server import SIDES
from tests.providers.contract import BatchContract, KeepingContract, ProviderContract, SingleContract

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "providers.md").read_text(encoding="utf-8")
CHANNELS = {"sms": "SMS", "bale": "Bale"}


def facts(provider: type[Provider]) -> dict[str, str]:
    """A provider's column of the feature matrix."""
    can = provider.capabilities
    return {
        "": provider.label,
        "slug": f"`{provider.slug}`",
        "default address": f"`{provider.default_base_url}`",
        "credentials": ", ".join(f"`{each.name}`" for each in provider.credential_fields),
        "channels": ", ".join(CHANNELS[channel] for channel in can.channels),
        "recipients a request, one text": number(can.max_recipients, "the provider's own"),
        "recipients a request, personal texts": number(can.max_personalised),
        "requests of one recipient in a batch": number(can.group) if can.single else "–",
        "characters a text": number(can.max_text, "no limit of its own"),
        "requests a second, unless set": f"{can.pace:g}" if can.pace else "as fast as it answers",
        "idempotency key": yes(can.idempotent),
        "looks up a lost answer": yes(can.looks_up),
        "status call, ids a request": number(can.max_status_ids),
        "webhook": yes(can.webhook),
        "tells of delivery": yes(can.reports_delivery),
        "tells who is not on the channel": yes(can.tells_absence),
        "files up to": f"{can.max_upload // 2**20:,} MiB" if can.max_upload else "no",
        "kinds of files": ", ".join(sorted(can.upload_extensions)) or "–",
        "copy button": yes(can.copy_button),
        "secure messages": yes(can.secure),
        "schedule at the provider": yes(can.send_time),
        "cancels at the provider": yes(can.cancels),
        "credit": yes(can.credit),
        "outbox": yes(can.outbox),
    }


def number(value: int, without: str = "no") -> str:
    return f"{value:,}" if value else without


def yes(flag: bool) -> str:
    return "yes" if flag else "no"


def matrix() -> str:
    """The table, a column a provider."""
    columns = [facts(provider) for provider in PROVIDERS.values()]
    rows = [f"| {name} | {' | '.join(column[name] for column in columns)} |" for name in columns[0]]
    head = rows[0].replace("|  |", "| |", 1)
    return "\n".join([head, "|---" * (len(columns) + 1) + "|", *rows[1:]])


def statuses(provider: type[Provider]) -> str:
    """The provider's own status words and what they come to; without any, the codes of its answers."""
    module = import_module(provider.__module__)
    if hasattr(module, "REPORTS"):
        rows = [f"| {word} | {report} |" for word, report in module.REPORTS.items()]
        return "\n".join([f"| {provider.label}'s status | report |\n|---|---|", *rows]) + "\n\n"
    return f"| {provider.label}'s code | name | outcome |\n|---|---|---|\n"


def suite_of(provider: type[Provider]) -> type[ProviderContract] | None:
    """The contract suite that a provider's tests inherit."""
    module = import_module(f"tests.providers.test_{provider.slug}")
    suites = [each for each in vars(module).values() if isinstance(each, type) and issubclass(each, ProviderContract)]
    return next((each for each in suites if getattr(each, "provider_class", None) is provider), None)


def test_the_feature_matrix_is_what_the_capabilities_say() -> None:
    assert matrix() in TEXT, f"docs/providers.md must say:\n\n{matrix()}"


@pytest.mark.parametrize("slug", PROVIDERS)
def test_each_provider_has_a_section_with_its_statuses(slug: str) -> None:
    label = PROVIDERS[slug].label
    section = TEXT.partition(f"\n## {label}\n")[2].partition("\n## ")[0]
    expected = statuses(PROVIDERS[slug])
    assert expected in section, f"docs/providers.md must say:\n\n{expected}"


def test_the_codes_of_a_provider_without_statuses_are_all_told() -> None:
    section = TEXT.partition("\n## Bale Safir\n")[2].partition("\n## ")[0]
    for code in (code for code in PROVIDERS["safir"].codes if len(code) < 3):
        assert f"\n| {code} | " in section, code


@pytest.mark.parametrize("slug", PROVIDERS)
def test_each_provider_inherits_the_suite_of_its_shape(slug: str) -> None:
    suite, can = suite_of(PROVIDERS[slug]), PROVIDERS[slug].capabilities
    shape = SingleContract if can.single else KeepingContract if can.keeps_audience else BatchContract
    assert suite is not None, f"tests/providers/test_{slug}.py inherits no contract suite"
    assert issubclass(suite, shape)


@pytest.mark.parametrize("slug", PROVIDERS)
def test_each_provider_has_its_samples_and_a_side_in_the_sandbox(slug: str) -> None:
    assert list((Path(__file__).parent / "fixtures" / slug).glob("*.json")), f"tests/providers/fixtures/{slug} is empty"
    assert slug in {side.slug for side in SIDES}
