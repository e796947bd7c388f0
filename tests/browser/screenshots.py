"""Every page in Persian and English, wide and narrow, light and dark, as PNG files for people to look at.

python -m tests.browser.screenshots --url http://127.0.0.1:8000 --password … --into var/screenshots
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests import chromium

WIDTHS = {"1440": (1440, 900), "390": (390, 844)}
PAGES = {
    "dashboard": "/",
    "campaigns": "/campaigns/",
    "compose": "/campaigns/new/",
    "contacts": "/contacts/",
    "contact-new": "/contacts/new/",
    "phonebooks": "/phonebooks/",
    "imports": "/imports/",
    "import-new": "/imports/new/",
    "suppressions": "/suppressions/",
    "suppression-new": "/suppressions/new/",
    "suppression-file-new": "/suppressions/files/",
    "accounts": "/accounts/",
    "account-new": "/accounts/new/",
    "missing": "/nowhere/",
    "admin": "/admin/",
    "admin-messages": "/admin/campaigns/message/",
}
FIRST_OF = {  # a page of the first thing that a list names
    "campaign": ("/campaigns/", "main a[href^='/campaigns/']:not([href$='/new/'])"),
    "phonebook": ("/phonebooks/", "main a[href^='/phonebooks/']"),
    "import": ("/imports/", "main a[href^='/imports/']:not([href$='/new/'])"),
    "account": ("/accounts/", "main a[href^='/accounts/']:not([href$='/new/'])"),
}


def sign_in(page: Page, url: str, password: str) -> None:
    """Through the sign-in page, as anybody would."""
    page.goto(f"{url}/login/")
    page.fill("#id_username", "admin")
    page.fill("#id_password", password)
    page.click("main form button:not([type=button]):not([name=language])")
    page.wait_for_url(f"{url}/")


def shoot(page: Page, address: str, path: Path) -> None:
    """One page as a picture, scrolled whole."""
    page.goto(address)
    page.wait_for_load_state("networkidle")
    page.evaluate("document.fonts.ready")
    page.wait_for_timeout(250)
    page.screenshot(path=path, full_page=True)


def visit(browser: Browser, options: argparse.Namespace, width: str, theme: str, only: Iterable[str]) -> list[str]:
    """All pages in one variant; returns what went wrong in them."""
    context = browser.new_context(
        viewport=dict(zip(("width", "height"), WIDTHS[width], strict=True)),  # type: ignore[arg-type]
        color_scheme=theme,  # type: ignore[arg-type]
        locale="fa-IR",
    )
    context.add_cookies([{"name": "django_language", "value": options.language, "url": options.url}])
    problems: list[str] = []
    page = context.new_page()
    page.on("console", lambda m: problems.append(f"{page.url}: {m.text}") if m.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(f"{page.url}: {error}"))
    shoot(page, f"{options.url}/login/", options.into / f"login-{width}-{theme}.png")
    sign_in(page, options.url, options.password)
    for name, address in PAGES.items():
        if not only or name in only:
            shoot(page, options.url + address, options.into / f"{name}-{width}-{theme}.png")
    for name, (address, selector) in FIRST_OF.items():
        if not only or name in only:
            page.goto(options.url + address)
            link = page.locator(selector).first.get_attribute("href", timeout=3000)
            shoot(page, f"{options.url}{link}", options.into / f"{name}-{width}-{theme}.png")
    context.close()
    return [problem for problem in problems if "/nowhere/" not in problem]


def main() -> int:
    """Write the pictures; 1 where a page logged an error."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--password", required=True)
    parser.add_argument("--into", type=Path, default=Path("var/screenshots"))
    parser.add_argument("--language", default="fa")
    parser.add_argument("--theme", action="append", choices=["light", "dark"])
    parser.add_argument("--width", action="append", choices=list(WIDTHS))
    parser.add_argument("--only", action="append", default=[])
    options = parser.parse_args()
    options.into.mkdir(parents=True, exist_ok=True)
    problems: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.find_chromium(), args=chromium.FLAGS)
        for width in options.width or WIDTHS:
            for theme in options.theme or ("light", "dark"):
                problems += visit(browser, options, width, theme, options.only)
        browser.close()
    sys.stdout.write("\n".join([*sorted(set(problems)), f"{len(set(problems))} problems"]) + "\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
