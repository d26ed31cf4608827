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
PHONE: ViewportSize = {"width": 390, "height": 844}
KEPT = os.environ.get("CEKALWATCH_SCREENSHOTS")
"""The folder of the pictures in the documentation; none are kept without it."""


CUT = """() => {
  const wide = [...document.querySelectorAll('body, body *')]
    .filter(one => !one.closest('svg, .hidden') && one.checkVisibility()
      && one.clientWidth > 1 && one.scrollWidth > one.clientWidth + 1)
    .map(one => `${one.tagName}.${one.className}: ${one.scrollWidth} of ${one.clientWidth} pixels`);
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const range = document.createRange(), broken = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (!node.parentElement.checkVisibility() || node.parentElement.closest('code, svg, option, .hidden')) continue;
    for (const word of node.data.matchAll(/\\p{L}{2,24}/gu)) {
      range.setStart(node, word.index);
      range.setEnd(node, word.index + word[0].length);
      const lines = new Set([...range.getClientRects()].map(one => Math.round(one.top)));
      if (lines.size > 1) broken.push(`broken: ${word[0]}`);
    }
  }
  return [...wide, ...broken];
}"""
"""Runs in the page: parts that are wider than their place, and words on two lines; keys and hashes may be broken."""

PICTURES_COME = """(async () => {
  const missing = () => [...document.querySelectorAll('[data-faces]')].some(one => !one.children.length);
  for (let tries = 0; tries < 30 && missing(); tries++) await new Promise(go => setTimeout(go, 100));
  const now = [...document.images].filter(one => one.loading !== 'lazy');
  await Promise.all(now.map(one => one.decode().catch(() => null)));
})()"""
"""Runs in the page: the small faces are there, or some have no picture, and so are those that do not wait until they
are in sight."""


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


async def barriers(page: Page, *, colours: bool = True) -> list[tuple[str, str]]:
    """What keeps people out of a page, with all its parts open: what axe finds, and a page wider than the screen.

    Not `colours`: without their contrast, which takes axe most of its time, and is the same in each language.
    """
    await open_all(page)
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE)
    # The nodes of what is right are nobody's business here, and take axe as long as what is wrong.
    rules = "{'color-contrast': {enabled: %s}}" % str(colours).lower()  # noqa: UP031  # of braces
    found = await page.evaluate(f"axe.run({{runOnly: {RULES}, resultTypes: ['violations'], rules: {rules}}})")
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


async def cut_on_a_phone(page: Page) -> list[str]:
    """What does not fit a page on a phone: the page itself, a part that has to be moved sideways, and a broken word."""
    found: list[str] = await page.evaluate(CUT)
    return found


async def keep(page: Page, name: str, language: str, height: int = 1000) -> None:
    """Keep a picture of a page of the web console, as it is in a window of an old PC, where pictures are to be kept."""
    if KEPT:
        looks = page.viewport_size or OLD_PC
        await page.set_viewport_size({"width": 1366, "height": height})
        await page.evaluate("scrollTo(0, 0)")
        await page.evaluate(PICTURES_COME)
        await page.screenshot(path=f"{KEPT}/console-{name}-{language}.jpg", type="jpeg", quality=70)
        await page.set_viewport_size(looks)
