"""What axe-core objects to on a page, as far as it keeps somebody from using it."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

GRAVE = ["serious", "critical"]
# Spares the lists of what is well, and a second loading of the styles, which only a rule that is off by default needs.
OPTIONS = {"resultTypes": ["violations"], "preload": False}
# Only these leave the page: to hand all results over takes as long as to find them.
GRAVE_ONES = """([options, grave]) => axe.run(document, options).then(({violations}) => violations
    .filter((each) => grave.includes(each.impact))
    .flatMap((each) => each.nodes.map((node) => `${each.id}: ${node.html.slice(0, 120)}`)))"""


def violations(page: Page) -> list[str]:
    """The serious and critical ones: the rule, and the element that breaks it."""
    page.evaluate(Axe().axe_script)
    found: list[str] = page.evaluate(GRAVE_ONES, [OPTIONS, GRAVE])
    return found
