"""The guides: one for each role in both languages, with pictures, and those of the programs, in English.

A guide of a role has a heading for each part of the console, so that a page leads to its own part of it. Headings have
the same order in both languages, and are called as in English. It knows nothing of requests.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.pictures.jpeg import read_jpeg
from cekalwatch.program.translations import Language

FOLDER: Final = Path(__file__).parent / "guides"
"""Markdown, which is put here when the package is built."""
ROLES: Final = FOLDER / "roles"
"""Markdown of the guides of roles, as ROLE.LANGUAGE.md, put here likewise."""
PICTURES: Final = FOLDER / "pictures"
"""The pictures of the guides of roles, put here likewise."""
NAMES: Final = {role: role.lower().replace("_", "-") for role in PersonRole}
"""What the guide of a role is called."""
PARTS: Final = {"": "now", "wall": "now", "troubles": "problems", "approvals": "signatures", "shift": "hand-over"}
"""Headings of pages whose addresses begin with another word."""
_TITLE: Final = "# "
_GUIDE: Final = re.compile(r"(?:\.\./|roles/)?(?P<name>[a-z0-9-]+)(?:\.en|\.id)?\.md(?P<place>#.*)?", re.ASCII)
_PICTURE: Final = re.compile(r"\.\./screenshots/(?P<name>[a-z0-9-]+\.jpg)", re.ASCII)
_MAX_PIXELS: Final = 8_000_000


@dataclass(frozen=True)
class Guide:
    """One guide."""

    title: str
    html: Markup
    language: Language
    places: tuple[str, ...]
    """What links call its headings, in order."""


def guide_of(roles: Collection[PersonRole], path: str) -> str:
    """Return the address of the guide for who looks at a page: of a role of theirs that speaks of it, at that place."""
    part = path.split("/")[1]
    place = PARTS.get(part, part)
    for role in sorted(roles):
        if place in role_guide(role, Language.EN).places:
            return f"/guides/{NAMES[role]}#{place}"
    return f"/guides/{NAMES[min(roles)]}" if roles else "/guides"


@cache
def pictures() -> Mapping[str, tuple[int, int]]:
    """Return the pictures of the guides, by their names, with width and height in pixels."""
    found = {file.name: read_jpeg(file.read_bytes(), _MAX_PIXELS) for file in PICTURES.iterdir()}
    return {name: (one.width, one.height) for name, one in found.items()}


@cache
def titles() -> Mapping[str, str]:
    return {file.stem: _first_line(file) for file in FOLDER.glob("*.md")}


def _first_line(file: Path) -> str:
    return file.read_text("utf-8").partition("\n")[0].removeprefix(_TITLE)


@cache
def program_guide(name: str) -> Guide:
    """Return a guide. HTML in it is shown as text, and links lead only to other guides or inside the page."""
    return _read(FOLDER / f"{name}.md", Language.EN)


@cache
def role_guide(role: PersonRole, language: Language) -> Guide:
    """Return the guide of a role in one language; its headings are called as in English."""
    places = () if language is Language.EN else role_guide(role, Language.EN).places
    return _read(ROLES / f"{NAMES[role]}.{language}.md", language, places)


def _read(file: Path, language: Language, places: Sequence[str] = ()) -> Guide:
    """Read a guide; `places` are what its headings are called, if not by their words."""
    title, _, body = file.read_text("utf-8").partition("\n")
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(body)
    named: list[str] = []
    for before, token in pairwise(tokens):
        if token.type == "inline":
            if before.type == "heading_open":
                named.append(places[len(named)] if places else _place(token.content))
                before.attrSet("id", named[-1])
            token.children = list(_within(token.children or ()))
    # Our own text, of which the parser has made markup.
    html = Markup(markdown.renderer.render(tokens, markdown.options, {}))  # noqa: S704
    return Guide(title.removeprefix(_TITLE), html, language, tuple(named))


def _within(tokens: Sequence[Token]) -> Iterator[Token]:
    """Yield the parts of a line: only pictures that are here, else their texts, and no links that lead away."""
    led: list[bool] = []
    for token in tokens:
        match token.type:
            case "image":
                found = _PICTURE.fullmatch(str(token.attrGet("src") or ""))
                if found is None or found["name"] not in pictures():
                    yield Token("text", "", 0, content=token.content)
                    continue
                token.attrSet("src", f"/guides/pictures/{found['name']}")
                # With its size, so that the place to which a link leads does not move when the picture comes.
                width, height = pictures()[found["name"]]
                token.attrs |= {"width": width, "height": height, "loading": "lazy"}
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
    if found is None or found["name"] not in {*titles(), *NAMES.values()}:
        return ""
    return f"/guides/{found['name']}{found['place'] or ''}"


def _place(heading: str) -> str:
    """Return what links call the place of a heading, as the sites do that show such files."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
