"""Pressing what leads to another page."""

from playwright.sync_api import Locator, Page


def press(page: Page, what: str | Locator) -> None:
    """Click, and wait for the page it leads to: what is counted right behind a click may still be on the
    page before. Of several that a selector finds the first is meant."""
    with page.expect_navigation():
        if isinstance(what, str):
            page.click(what)
        else:
            what.click()


def enter(page: Page) -> None:
    """Press Enter where the focus is, and wait for the page it leads to."""
    with page.expect_navigation():
        page.keyboard.press("Enter")
