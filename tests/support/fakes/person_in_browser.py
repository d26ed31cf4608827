"""A person at the browser of an officer's PC: goes where it is sent, and says at the provider who they are."""

from __future__ import annotations

import re
import threading
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape

import httpx


class PersonInBrowser(webbrowser.BaseBrowser):
    """Opens each address in a thread of its own, as a browser is a program of its own."""

    def __init__(self) -> None:
        super().__init__("person")
        self.name = ""
        """Who sits there; empty: nobody goes on at the provider."""
        self.opened: list[str] = []
        self.seen: list[tuple[str, str]] = []
        """Addresses and texts of pages."""
        self._client = httpx.Client(follow_redirects=True, timeout=30)

    def open(self, url: str, new: int = 0, autoraise: bool = True) -> bool:  # noqa: ARG002  # the library's names
        self.opened.append(url)
        threading.Thread(target=self._go, args=(url, self.name), daemon=True).start()
        return True

    def _go(self, url: str, name: str) -> None:
        page = self._client.get(url)
        if name and 'action="/login"' in page.text:
            fields = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', page.text))
            sent = {key: unescape(value) for key, value in fields.items()} | {"who": name}
            page = self._client.post(f"{page.url.scheme}://{page.url.netloc.decode()}/login", data=sent)
        self.seen.append((str(page.url), page.text))


@contextmanager
def person_in_browser() -> Iterator[PersonInBrowser]:
    """Be this machine's browser until the end of the block."""
    person = PersonInBrowser()
    webbrowser.register("person", None, person, preferred=True)
    order: list[str] = webbrowser._tryorder  # type: ignore[attr-defined]  # else it stays the browser of other tests
    try:
        yield person
    finally:
        order.remove("person")
