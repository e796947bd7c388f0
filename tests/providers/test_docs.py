"""docs/providers.md is what the backends say of themselves."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from providers.base import Provider
from providers.registry import PROVIDERS

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
        "recipients a request, one text": f"{can.max_recipients:,}",
        "recipients a request, personal texts": f"{can.max_personalised:,}",
        "idempotency key": yes(can.idempotent),
        "status call, ids a request": f"{can.max_status_ids:,}" if can.max_status_ids else "no",
        "webhook": yes(can.webhook),
        "tells of delivery": yes(can.reports_delivery),
        "files up to": f"{can.max_upload // 2**20:,} MiB" if can.max_upload else "no",
        "kinds of files": ", ".join(sorted(can.upload_extensions)) or "–",
        "outbox": yes(can.outbox),
    }


def yes(flag: bool) -> str:
    return "yes" if flag else "no"


def matrix() -> str:
    """The table, a column a provider."""
    columns = [facts(provider) for provider in PROVIDERS.values()]
    rows = [f"| {name} | {' | '.join(column[name] for column in columns)} |" for name in columns[0]]
    head = rows[0].replace("|  |", "| |", 1)
    return "\n".join([head, "|---" * (len(columns) + 1) + "|", *rows[1:]])


def statuses(provider: type[Provider]) -> str:
    """The provider's own status words and what they come to."""
    reports = import_module(provider.__module__).REPORTS
    return "\n".join(f"| {word} | {report} |" for word, report in reports.items())


def test_the_feature_matrix_is_what_the_capabilities_say() -> None:
    assert matrix() in TEXT, f"docs/providers.md must say:\n\n{matrix()}"


@pytest.mark.parametrize("slug", PROVIDERS)
def test_each_provider_has_a_section_with_its_statuses(slug: str) -> None:
    label = PROVIDERS[slug].label
    section = TEXT.partition(f"\n## {label}\n")[2].partition("\n## ")[0]
    expected = f"| {label}'s status | report |\n|---|---|\n{statuses(PROVIDERS[slug])}\n\n"
    assert expected in section, f"docs/providers.md must say:\n\n{expected}"
