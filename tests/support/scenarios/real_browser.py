"""Debian's Chromium, and what axe finds on a page that is open in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from axe_playwright_python.base import AXE_FILE_PATH
from playwright.async_api import Browser, Page, ViewportSize, async_playwright

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
AXE = Path(AXE_FILE_PATH).read_text("utf-8")
OLD_PC: ViewportSize = {"width": 1366, "height": 768}
TABLET: ViewportSize = {"width": 820, "height": 1180}
KEPT = os.environ.get("CEKALWATCH_SCREENSHOTS")
"""The folder of the pictures in the documentation; none are kept without it."""


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A browser without a screen, or the test is skipped with the reason."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    async with (
        async_playwright() as playwright,
        await playwright.chromium.launch(executable_path=program, args=["--no-sandbox"]) as launched,
    ):
        yield launched


async def barriers(page: Page) -> list[tuple[str, str]]:
    """What keeps people out of a page, with all its parts open: what axe finds, and a page wider than the screen."""
    await open_all(page)
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE)
    # The nodes of what is right are nobody's business here, and take axe as long as what is wrong.
    found = await page.evaluate(f"axe.run({{runOnly: {RULES}, resultTypes: ['violations']}})")
    left = [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]]
    width = await too_wide(page)
    return left if width == 0 else [*left, ("width", f"{width} pixels wider than the screen")]


async def open_all(page: Page) -> None:
    """Open all parts of a page."""
    await page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")


async def too_wide(page: Page) -> int:
    """How many pixels a page is wider than its window."""
    width = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return max(0, int(width))


async def keep(page: Page, name: str, language: str, height: int = 1000) -> None:
    """Keep a picture of a page of the web console, as it is in a window of an old PC, where pictures are to be kept."""
    if KEPT:
        looks = page.viewport_size or OLD_PC
        await page.set_viewport_size({"width": 1366, "height": height})
        await page.evaluate("scrollTo(0, 0)")
        await page.evaluate("Promise.all([...document.images].map(one => one.decode().catch(() => null)))")
        await page.screenshot(path=f"{KEPT}/console-{name}-{language}.jpg", type="jpeg", quality=70)
        await page.set_viewport_size(looks)
