"""The guides of roles: both languages say the same, each page leads to its own part, and each picture is there."""

from __future__ import annotations

import re

import pytest

from cekalwatch.console.guide_texts import NAMES, PICTURES, guide_of, role_guide
from cekalwatch.console.menu import menu_of
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.program.translations import Language
from tests.support.repository import ROOT

SOURCES = ROOT / "docs" / "roles"


@pytest.mark.parametrize("role", PersonRole)
def test_every_page_of_a_role_leads_to_its_part_of_the_roles_guide(role: PersonRole) -> None:
    pages = [entry.path for section in menu_of(frozenset({role})) for entry in section.entries]
    places = role_guide(role, Language.EN).places
    for page in pages:
        name, place = guide_of({role}, f"{page}/more".replace("//", "/") if page != "/" else page).split("#")
        assert (name, place in places) == (f"/guides/{NAMES[role]}", True), page


def test_a_page_without_a_part_of_its_own_leads_to_the_guide_and_nobody_without_a_role_to_all() -> None:
    assert guide_of({PersonRole.OFFICER}, "/password") == "/guides/officer"
    assert guide_of(frozenset(), "/password") == "/guides"
    both = {PersonRole.AUDITOR, PersonRole.LIST_MANAGER}
    assert guide_of(both, "/list/import") == "/guides/list-manager#list"


@pytest.mark.parametrize("role", PersonRole)
def test_both_languages_have_the_same_parts_tables_steps_and_pictures(role: PersonRole) -> None:
    one, other = (role_guide(role, language) for language in Language)
    assert one.places == other.places
    assert len(set(one.places)) == len(one.places)
    assert one.title != other.title
    for tag in ("<h2", "<tr", "<li", "<img", "<p>", "<a "):
        assert one.html.count(tag) == other.html.count(tag), tag
    assert re.findall(r"\bF[0-9]+\b", one.html) == re.findall(r"\bF[0-9]+\b", other.html)


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("role", PersonRole)
def test_pictures_are_screenshots_in_the_guides_language_with_words_for_who_cannot_see_them(
    role: PersonRole, language: Language
) -> None:
    written = (SOURCES / f"{NAMES[role]}.{language}.md").read_text("utf-8")
    named = re.findall(r"!\[([^\]]+)\]\(\.\./screenshots/([^)]+)\)", written)
    shown = re.findall(r'<img src="/guides/pictures/([^"]+)" alt="([^"]+)"', role_guide(role, language).html)
    assert [(file, alt) for alt, file in named] == shown
    assert shown
    for file, _ in shown:
        assert f"-{language}" in file
        assert (PICTURES / file).read_bytes() == (ROOT / "docs" / "screenshots" / file).read_bytes()
