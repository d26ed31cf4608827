"""The guides of the programs, as pages, for offices without another network."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from itertools import pairwise
from pathlib import Path
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup
from starlette.responses import Response

from cekalwatch.console.request_context import RequestContext

FOLDER: Final = Path(__file__).parents[1] / "guides"
"""Markdown, which is put here when the package is built."""
_TITLE: Final = "# "
_GUIDE: Final = re.compile(r"(?P<name>[a-z0-9-]+)\.md(?P<place>#.*)?", re.ASCII)


@dataclass(frozen=True)
class Guide:
    """One guide."""

    title: str
    html: Markup


def show(visit: RequestContext) -> Response:
    """Show which guides there are."""
    return visit.page("guides.html", titles=sorted(_titles().items(), key=lambda one: one[1]))


def show_one(visit: RequestContext) -> Response:
    """Show one guide."""
    name = visit.part("name")
    if name not in _titles():
        return visit.problem(visit.texts.say("PAGE_MISSING"), HTTPStatus.NOT_FOUND)
    return visit.page("guide.html", guide=_guide(name))


@cache
def _titles() -> Mapping[str, str]:
    """Return the titles of all guides, by their names."""
    return {file.stem: _first_line(file) for file in FOLDER.glob("*.md")}


def _first_line(file: Path) -> str:
    return file.read_text("utf-8").partition("\n")[0].removeprefix(_TITLE)


@cache
def _guide(name: str) -> Guide:
    """Return a guide. HTML in it is shown as text, and links lead only to other guides or inside the page."""
    _, _, body = (FOLDER / f"{name}.md").read_text("utf-8").partition("\n")
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(body)
    for before, token in pairwise(tokens):
        if token.type == "inline":
            if before.type == "heading_open":
                before.attrSet("id", _place(token.content))
            token.children = list(_within(token.children or ()))
    # Our own text, of which the parser has made markup.
    html = Markup(markdown.renderer.render(tokens, markdown.options, {}))  # noqa: S704
    return Guide(_titles()[name], html)


def _within(tokens: Sequence[Token]) -> Iterator[Token]:
    """Yield the parts of a line: texts in place of pictures, and no links that lead away from the guides."""
    led: list[bool] = []
    for token in tokens:
        match token.type:
            case "image":
                yield Token("text", "", 0, content=token.content)
                continue
            case "link_open":
                href = _address(str(token.attrGet("href") or ""))
                led.append(bool(href))
                token.attrSet("href", href)
            case "link_close" if not led.pop():
                continue
        if token.type != "link_open" or led[-1]:
            yield token


def _address(href: str) -> str:
    """Return where a link of a guide leads here; empty: nowhere."""
    if href.startswith("#"):
        return href
    found = _GUIDE.fullmatch(href)
    return f"/guides/{found['name']}{found['place'] or ''}" if found and found["name"] in _titles() else ""


def _place(heading: str) -> str:
    """Return what links call the place of a heading, as the sites do that show such files."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
