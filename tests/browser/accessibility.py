"""What axe-core objects to on a page, as far as it keeps somebody from using it."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

GRAVE = ("serious", "critical")
RULES = {"resultTypes": ["violations"]}  # spares the lists of what is well
_axe = Axe()


def violations(page: Page) -> list[str]:
    """The serious and critical ones: the rule, and the element that breaks it."""
    found = _axe.run(page, options=RULES).response["violations"]
    return [
        f"{each['id']}: {node['html'][:120]}" for each in found if each["impact"] in GRAVE for node in each["nodes"]
    ]
