"""The pages about the watchlist say what the program does."""

from __future__ import annotations

import re
import textwrap
import tomllib
from dataclasses import fields
from datetime import datetime
from pathlib import Path

from cekalwatch.contract.values.orders import OrderEnd, OrderFlag, OrderRule, OrderStatus
from cekalwatch.contract.values.watchlist import EnrolmentWarning
from cekalwatch.server.domain.checkpoints import LegalParameters
from cekalwatch.server.domain.orders.ban_order import SubjectFile
from cekalwatch.server.domain.orders.law import judge
from cekalwatch.server.domain.orders.law_table import Law
from cekalwatch.server.settings.checkpoint import WatchlistSettings
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.watchlist.sources.mapping import PhotographPlace, RecordMapper
from cekalwatch.server.watchlist.sources.mapping_settings import FIELDS, REQUIRED, MappingSettings
from cekalwatch.server.watchlist.sources.settings import PageNames
from cekalwatch.server.watchlist.sources.web.json_page import by_path, read_page
from tests.support.builders.watchlist import WIB
from tests.support.builders.watchlist_folder import COLUMNS, WatchlistFolder
from tests.support.repository import ROOT

PAGE = (ROOT / "docs" / "watchlist-folder.md").read_text("utf-8")


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
        record.order.order_id: judge(
            record.order, SubjectFile(record.subject, tuple(orders), ()), now, WIB, Law()
        ).status
        for record in records
    }
    assert found == {
        "C-101": OrderStatus.ACTIVE,
        "C-102": OrderStatus.NOT_YET_VALID,
        "C-103": OrderStatus.ACTIVE,
        "T-007": OrderStatus.ACTIVE,
    }


def test_it_explains_each_rule_status_and_warning() -> None:
    for code in (*OrderEnd, *OrderFlag, *OrderRule, *OrderStatus, *EnrolmentWarning):
        assert f"`{code}`" in PAGE


def test_the_legal_figures_are_the_defaults_and_can_be_configured(tmp_path: Path) -> None:
    figures = tomllib.loads(block("[legal]"))["legal"]
    assert LegalParameters(**figures) == LegalParameters()
    file = tmp_path / "server.toml"
    file.write_text(block("[legal]").replace("urgent_days = 20", "urgent_days = 14"))
    assert ServerSettings.load(file).legal == LegalParameters(urgent_days=14)


class TestConnecting:
    """The page for the person who connects the application."""

    TEXT = (ROOT / "docs" / "connect-cekal.md").read_text("utf-8")

    def examples(self) -> dict[str, WatchlistSettings]:
        blocks = re.findall(r"^    \[watchlist\.source\]\n(?:(?:    .*)?\n)*", self.TEXT, re.MULTILINE)
        entries = [WatchlistSettings(**tomllib.loads(textwrap.dedent(one))["watchlist"]) for one in blocks]
        return {entry.source.kind: entry for entry in entries if entry.source}

    def test_there_is_an_example_of_each_kind_that_can_be_loaded(self) -> None:
        assert self.examples().keys() == {"http", "sql", "spreadsheet", "folder", "packages", "centre"}

    def test_each_setting_of_a_mapping_and_of_a_page_is_told(self) -> None:
        for name in (*(field.name for field in fields(MappingSettings)), *REQUIRED):
            assert f"`{name}`" in self.TEXT, name

    def test_the_protocols_example_is_read_as_it_says(self) -> None:
        found = re.search(r"^       \{\n(?: {7}.*\n)*? {7}\}\n", self.TEXT, re.MULTILINE)
        assert found
        page = read_page(textwrap.dedent(found[0]).encode(), "utf-8", PageNames())
        assert (len(page.orders), page.more, page.next, page.total) == (1, True, "whole-17-200", 4210)
        (order,) = page.orders
        assert isinstance(order, dict)
        assert tuple(sorted(order)) == tuple(sorted(FIELDS))
        mapped = RecordMapper(MappingSettings(), WIB, by_path).read(order)
        assert mapped.photographs == (PhotographPlace("S-001.jpg", "photographs/S-001.jpg", "9f86d081"),)
