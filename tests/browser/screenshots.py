"""Every page in Persian, English and Russian, wide and narrow, light and dark, as PNG files for people to look at.

python -m tests.browser.screenshots --url http://127.0.0.1:8000 --password … --into var/screenshots

A page of a thing is that of the first one that its list names; of a kind that has none yet there is no picture. Nothing
is changed but a draft, which is made through the composer where there is none.
"""

from __future__ import annotations

import argparse
import itertools
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Browser, Page, sync_playwright

from tests import chromium

LANGUAGES = ("fa", "en", "ru")
WIDTHS = {"1440": (1440, 900), "390": (390, 844)}
THEMES = ("light", "dark")
PAGES = {
    "dashboard": "/",
    "campaigns": "/campaigns/",
    "compose-new": "/campaigns/new/",
    "messages": "/messages/",
    "texts": "/texts/",
    "text-new": "/texts/new/",
    "contacts": "/contacts/",
    "contact-new": "/contacts/new/",
    "phonebooks": "/phonebooks/",
    "segments": "/segments/",
    "segment-new": "/segments/new/",
    "categories": "/categories/",
    "imports": "/imports/",
    "import-new": "/imports/new/",
    "actions": "/contacts/actions/",
    "exports": "/exports/",
    "suppressions": "/suppressions/",
    "suppression-new": "/suppressions/new/",
    "suppression-file-new": "/suppressions/files/",
    "approvals": "/approvals/",
    "people": "/people/",
    "accounts": "/accounts/",
    "account-new": "/accounts/new/",
    "holidays": "/accounts/holidays/",
    "missing": "/nowhere/",
    "admin": "/admin/",
    "admin-campaigns": "/admin/campaigns/campaign/",
    "admin-campaign-new": "/admin/campaigns/campaign/add/",
    "admin-messages": "/admin/campaigns/message/",
    "admin-contacts": "/admin/contacts/contact/",
}
FIRST_OF = {  # a page of the first thing that a list names
    "campaign": ("/campaigns/?status=completed", "main a[href^='/campaigns/']"),
    "review": ("/campaigns/?status=draft", "main a[href^='/campaigns/']"),
    "message": ("/messages/", "main a[href^='/messages/']"),
    "contact": ("/contacts/", "main a[href^='/contacts/']"),
    "phonebook": ("/phonebooks/", "main a[href^='/phonebooks/']"),
    "segment": ("/segments/", "main a[href^='/segments/']"),
    "import": ("/imports/", "main a[href^='/imports/']"),
    "account": ("/accounts/", "main a[href^='/accounts/']"),
}
BELOW = {  # pages of those things, and what their addresses add
    "compose-audience": ("review", "edit/audience/"),
    "compose-text": ("review", "edit/text/"),
    "compose-sending": ("review", "edit/sending/"),
    "left-out": ("campaign", "left-out/"),
    "organise": ("phonebook", "organise/"),
    "account-edit": ("account", "edit/"),
    "line-new": ("account", "lines/new/"),
}
A_ROW = r"^/\w+/\d+/$"


class Variant(NamedTuple):
    """How a page is looked at."""

    language: str
    width: str
    theme: str

    def path(self, into: Path, name: str) -> Path:
        return into / f"{name}-{'-'.join(self)}.png"


PICTURES = {  # of the README
    "campaign.png": ("campaign", Variant("fa", "1440", "light")),
    "campaign-390.png": ("campaign", Variant("fa", "390", "light")),
    "compose.png": ("compose-text", Variant("fa", "1440", "light")),
    "dashboard-dark.png": ("dashboard", Variant("fa", "1440", "dark")),
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


def first_link(page: Page, address: str, selector: str) -> str:
    """The address of the first thing that a list names; empty where it names none."""
    page.goto(address)
    links: list[str] = page.locator(selector).evaluate_all(
        "(links, row) => links.map((a) => a.getAttribute('href')).filter((href) => new RegExp(row).test(href))", A_ROW
    )
    return links[0] if links else ""


def addresses(page: Page, url: str) -> Iterator[tuple[str, str]]:
    """Names and paths of all pages, asked for of the site as it is."""
    yield from PAGES.items()
    found = {name: first_link(page, url + address, selector) for name, (address, selector) in FIRST_OF.items()}
    yield from ((name, path) for name, path in found.items() if path)
    yield from ((name, found[thing] + more) for name, (thing, more) in BELOW.items() if found[thing])


def make_draft(page: Page, url: str) -> None:
    """A draft to look at, through the composer, where there is none."""
    if first_link(page, f"{url}/campaigns/?status=draft", "main a[href^='/campaigns/']"):
        return
    page.goto(f"{url}/campaigns/new/")
    page.fill("#id_name", "حراج پاییزه")
    page.locator("input[name=include]").first.check()
    page.click("main button[name=next].btn-primary")
    page.fill("#id_text", "سلام {first_name|مشتری}، حراج پاییزه آغاز شد.")
    page.click("main button[name=next].btn-primary")
    page.click("main button[name=next].btn-primary")


def open_page(browser: Browser, options: argparse.Namespace, variant: Variant, problems: list[str]) -> Page:
    """A page that is signed in and tells its problems."""
    width, height = WIDTHS[variant.width]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=variant.theme,  # type: ignore[arg-type]
        locale="fa-IR",
    )
    context.add_cookies([{"name": "django_language", "value": variant.language, "url": options.url}])
    page = context.new_page()
    page.on("console", lambda m: problems.append(f"{page.url}: {m.text}") if m.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(f"{page.url}: {error}"))
    shoot(page, f"{options.url}/login/", variant.path(options.into, "login"))
    sign_in(page, options.url, options.password)
    return page


def visit(browser: Browser, options: argparse.Namespace, variant: Variant) -> list[str]:
    """All pages in one variant; returns what went wrong in them."""
    problems: list[str] = []
    page = open_page(browser, options, variant, problems)
    make_draft(page, options.url)
    for name, path in list(addresses(page, options.url)):
        if not options.only or name in options.only:
            shoot(page, options.url + path, variant.path(options.into, name))
            wide = page.evaluate("document.scrollingElement.scrollWidth - innerWidth")
            problems += [f"{path}: {wide} px too wide ({' '.join(variant)})"] if wide > 0 else []
    page.context.close()
    return [problem for problem in problems if "/nowhere/" not in problem]


def main() -> int:
    """Write the pictures; 1 where a page logged an error or is wider than the screen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--password", required=True)
    parser.add_argument("--into", type=Path, default=Path("var/screenshots"))
    parser.add_argument("--language", action="append", choices=LANGUAGES)
    parser.add_argument("--theme", action="append", choices=THEMES)
    parser.add_argument("--width", action="append", choices=list(WIDTHS))
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--pictures", type=Path, help="the folder of the README's pictures, to be made anew")
    options = parser.parse_args()
    for name, all_of_them in (("language", LANGUAGES), ("width", WIDTHS), ("theme", THEMES)):
        setattr(options, name, getattr(options, name) or list(all_of_them))
    options.into.mkdir(parents=True, exist_ok=True)
    problems: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.find_chromium(), args=chromium.FLAGS)
        for variant in itertools.product(
            options.language or LANGUAGES, options.width or WIDTHS, options.theme or THEMES
        ):
            problems += visit(browser, options, Variant(*variant))
        browser.close()
    for picture, (name, variant) in PICTURES.items():
        if options.pictures and variant.path(options.into, name).exists():
            shutil.copyfile(variant.path(options.into, name), options.pictures / picture)
    sys.stdout.write("\n".join([*sorted(set(problems)), f"{len(set(problems))} problems"]) + "\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
