"""The page about the watchlist folder says what the program does."""

from __future__ import annotations

import re
import textwrap
import tomllib
from datetime import datetime
from pathlib import Path

from cekalwatch.server.config import ServerSettings
from cekalwatch.server.domain.legal import LegalParameters
from cekalwatch.server.domain.orders import OrderStatus, Rule, judge
from cekalwatch.server.recognition.enrolment import EnrolmentWarning
from tests.support.watchlist import WIB
from tests.support.watchlist_folder import COLUMNS, WatchlistFolder

PAGE = (Path(__file__).parents[3] / "docs" / "watchlist-folder.md").read_text("utf-8")


def block(first_words: str) -> str:
    """The indented block that begins with `first_words`."""
    found = re.search(rf"^    {re.escape(first_words)}.*\n(    .*\n)*", PAGE, re.MULTILINE)
    assert found
    return textwrap.dedent(found[0])


def test_it_describes_each_column_in_turn() -> None:
    assert tuple(re.findall(r"^\| `([a-z_]+)` \| (?:yes)? ?\|", PAGE, re.MULTILINE)) == COLUMNS


def test_its_example_can_be_imported(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text(block("order_id,"), "utf-8")
    folder = WatchlistFolder(tmp_path, WIB)
    assert folder.refused == []
    records = list(folder.records())
    now = datetime(2026, 3, 15, 12, tzinfo=WIB)
    orders = [record.order for record in records]
    found = {
        record.order.order_id: judge(record.order, record.subject, orders, now, WIB, LegalParameters()).status
        for record in records
    }
    assert found == {
        "C-101": OrderStatus.ACTIVE,
        "C-102": OrderStatus.NOT_YET_VALID,
        "C-103": OrderStatus.ACTIVE,
        "T-007": OrderStatus.ACTIVE,
    }


def test_it_explains_each_rule_status_and_warning() -> None:
    for code in (*Rule, *OrderStatus, *EnrolmentWarning):
        assert f"`{code}`" in PAGE


def test_the_legal_figures_are_the_defaults_and_can_be_configured(tmp_path: Path) -> None:
    figures = tomllib.loads(block("[legal]"))["legal"]
    assert LegalParameters(**figures) == LegalParameters()
    file = tmp_path / "server.toml"
    file.write_text(block("[legal]").replace("urgent_days = 20", "urgent_days = 14"))
    assert ServerSettings.load(file).legal.parameters() == LegalParameters(urgent_days=14)
