"""Nothing that the last release had is lost: each name is there, or a table says what it is called now."""

from __future__ import annotations

import json
from functools import cache

import pytest

from tests.support.tools.surface import FILE, PROGRAMS, settings, surface

RELEASED: dict[str, list[str]] = json.loads(FILE.read_text("utf-8"))
RENAMED = {
    "addresses": {
        f"GET /figures{below}": f"GET /statistics{below}" for below in ("", "/report", "/report.pdf", "/table.csv")
    },
    "metrics": {"cekalwatch_server_does_chores": "cekalwatch_server_is_leader"},
    "alarms": {"CekalwatchNoChores": "CekalwatchNoLeader"},
    "log_events": {
        "server chores_begun": "server leader_lease_taken",
        "server chores_lost": "server leader_lease_lost",
        "server chore_left": "server leader_job_left",
        "console web_connections_closed": "all web_connections_closed",
    },
}
"""New names of what programs only write. CHANGELOG names them; a setting and a command are read by both names."""


@cache
def present() -> dict[str, list[str]]:
    return surface()


@pytest.mark.parametrize("kind", sorted(RELEASED.keys() - {"settings"}))
def test_every_name_of_the_release_is_there_or_has_a_new_name(kind: str) -> None:
    renamed = RENAMED.get(kind, {})
    assert {renamed.get(name, name) for name in RELEASED[kind]} - set(present()[kind]) == set()
    assert renamed.keys() - set(RELEASED[kind]) == set(), "names of an earlier release"


@pytest.mark.parametrize("program", [one for one in PROGRAMS if one in RELEASED["commands"]])
def test_every_setting_of_the_release_is_read_by_its_name(program: str) -> None:
    _, of = PROGRAMS[program]
    released = {name.removeprefix(f"{program} ") for name in RELEASED["settings"] if name.startswith(f"{program} ")}
    assert len(released) > 10
    assert of.old_names.keys() - released == set(), "old names are those of the last release only"
    renamed = {old: ".".join([*old.split(".")[:-1], new]) for old, new in of.old_names.items()}
    assert {renamed.get(name, name) for name in released} - settings(of) == set()
