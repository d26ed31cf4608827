"""Parts of pages that renew themselves, every few seconds: the keyboard's place in them must outlive that."""

from __future__ import annotations

import re

import pytest

from cekalwatch.console.console import template_folders

FILES = {path.name: path for folder in template_folders() for path in folder.glob("*.html")}
RENEWED = ("now_part.html", "wall_part.html", "sync_part.html", "gates_part.html", "approval_wait_part.html")
REACHED = re.compile(r"<(?:a|button|input|select|textarea|summary)\b(?:[^>\"']|\"[^\"]*\"|'[^']*')*>")


@pytest.mark.parametrize("name", RENEWED)
def test_what_the_keyboard_reaches_has_an_id_by_which_its_focus_comes_back(name: str) -> None:
    found = [re.sub(r"\{\{.*?\}\}", "", one) for one in REACHED.findall(FILES[name].read_text("utf-8"))]
    assert found
    assert [one for one in found if not re.search(r"\bid=", one)] == []


def test_every_page_with_such_a_part_is_known() -> None:
    pages = {name for name, path in FILES.items() if "hx-trigger" in path.read_text("utf-8")}
    # The line above each page, the progress of an import and the screen of a wall have nothing that it reaches.
    assert pages - {"base.html", "import_part.html", "wall_screen.html"} == {
        "gates.html",
        "now.html",
        "wall.html",
        "sync.html",
        "approval_wait.html",
    }
