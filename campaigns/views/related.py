"""What a campaign was made from, what was made of it, and the tests of it."""

from __future__ import annotations

from typing import Any

from campaigns.models import Campaign

SHOWN = 5


def context(campaign: Campaign) -> dict[str, Any]:
    """The campaign it was made from, and the latest of those made of it: tests, and copies or further tries."""
    made = list(campaign.made.order_by("-pk").only("name", "status", "is_test", "created_at", "made_from")[: 4 * SHOWN])
    return {
        "made_from": campaign.made_from,
        "made": [each for each in made if not each.is_test][:SHOWN],
        "tests": [each for each in made if each.is_test][:SHOWN],
    }
