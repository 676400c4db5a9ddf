"""Headless Chromium for the browser tests, with the console's complaints kept."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

ARTIFACTS = Path(__file__).parents[2] / "artifacts"
# Without these Chromium calls home at every start.
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def path() -> str:
    """The Chromium that `make test` found or installed."""
    found = os.environ.get("TEST_CHROMIUM") or which("chromium") or which("google-chrome")
    assert found, "there is no Chromium: run `make test`, which installs it, or set TEST_CHROMIUM to its path"
    return found


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser of the test's own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path(), args=list(QUIET))
        try:
            yield browser
        finally:
            browser.close()


def open_page(browser: Browser, complaints: list[str], **context: Any) -> Page:
    """A page whose errors (console, exceptions, refused by the content security policy) end in ``complaints``."""
    page = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, "locale": "es-AR", **context}).new_page()
    page.on("console", lambda message: complaints.append(message.text) if _is_complaint(message) else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.set_default_timeout(15_000)
    expect.set_options(timeout=15_000)
    return page


def _is_complaint(message: ConsoleMessage) -> bool:
    """The advice about willReadFrequently is for the test's own look at the canvas."""
    return message.type in ("error", "warning") and "willReadFrequently" not in message.text


def screenshot(page: Page, name: str, *, whole: bool = False) -> None:
    """Keep what the page looks like now in artifacts/; ``whole``: what one has to scroll to, too."""
    ARTIFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTIFACTS / f"{name}.png", full_page=whole)
