"""The page on people names the calls by which somebody could silence a ban, as the table of calls has them."""

from __future__ import annotations

import re
from pathlib import Path

from cekalwatch.contract.values.people import TwoPersonAction
from cekalwatch.server.auth.rights import RIGHTS

PAGE = Path(__file__).parents[3] / "docs/people.md"
SILENCING = {
    TwoPersonAction.AMEND_ORDER,
    TwoPersonAction.CHANGE_CAMERAS,
    TwoPersonAction.CHANGE_LAW,
    TwoPersonAction.SET_EXERCISES,
}
REFUSED_TO_ALL = {"ImportWatchlist"}
"""Nobody can sign for it: what it would silence is refused."""


def test_the_page_on_people_names_each_guarded_call() -> None:
    section = PAGE.read_text().partition("### Nobody silences a ban alone")[2].partition("**What remains.**")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    guarded = {path.rpartition("/")[2] for path, right in RIGHTS.items() if right.action in SILENCING}
    assert named == guarded | REFUSED_TO_ALL
