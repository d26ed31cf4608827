"""Which pages each role is offered, and where the menu says one is."""

from __future__ import annotations

import pytest

from cekalwatch.console.menu import menu, menu_of
from cekalwatch.console.routes import ROUTES
from cekalwatch.contract.values.people import PersonRole

NOW = ["/", "/troubles", "/approvals"]
WALL = ["/", "/wall", "/troubles", "/approvals"]
LIST = ["/list", "/list/look-alikes", "/list/agencies", "/list/law", "/list/import", "/list/sync"]
OFFERED = {
    PersonRole.OFFICER: {"NOW": ["/"], "ALERTS": ["/alerts", "/shift"]},
    PersonRole.SUPERVISOR: {
        "NOW": WALL,
        "ALERTS": ["/alerts", "/shift", "/exercises", "/ports"],
        "FIGURES": ["/statistics"],
        "SETUP": ["/cameras", "/threshold", "/gates", "/system"],
    },
    PersonRole.LIST_MANAGER: {"NOW": NOW, "LIST": LIST},
    PersonRole.ADMINISTRATOR: {"NOW": NOW, "SETUP": ["/cameras", "/threshold", "/people", "/devices", "/system"]},
    PersonRole.AUDITOR: {"NOW": NOW, "ALERTS": ["/alerts"], "FIGURES": ["/statistics"], "AUDIT": ["/audit"]},
}
"""Written down from what each role is there for."""


@pytest.mark.parametrize("role", PersonRole)
def test_each_role_is_offered_its_pages_and_no_other(role: PersonRole) -> None:
    menu = menu_of(frozenset({role}))
    assert {section.title: [entry.path for entry in section.entries] for section in menu} == OFFERED[role]


def test_the_header_has_six_sections_in_one_order() -> None:
    assert [section.title for section in menu()] == ["NOW", "ALERTS", "LIST", "FIGURES", "AUDIT", "SETUP"]
    assert [section.title for section in menu_of(frozenset(PersonRole))] == [section.title for section in menu()]


def test_the_menu_opens_pages_to_those_who_may_see_them() -> None:
    allowed = {page.path: page.people for page in ROUTES if page.method == "GET"}
    assert [one.path for section in menu() for one in section.entries if allowed[one.path] != one.people] == []


@pytest.mark.parametrize(
    ("path", "entry"),
    [
        ("/", "/"),
        ("/alerts/1/record", "/alerts"),
        ("/list/subjects", "/list"),
        ("/list/look-alikes/pair", "/list/look-alikes"),
        ("/listing", None),
        ("/password", None),
    ],
)
def test_a_page_belongs_to_the_nearest_entry_above_it(path: str, entry: str | None) -> None:
    found = [one.path for section in menu() if (one := section.entry_at(path))]
    assert found == ([entry] if entry else [])
