"""`docs/law.md` is what the table of the law says, and its example of a row can be read."""

from __future__ import annotations

import textwrap
import tomllib

from pydantic import TypeAdapter

from cekalwatch.contract.values.law import LawRow
from cekalwatch.server.domain.orders.law_table import SHIPPED
from deploy.law_page import page
from tests.support.repository import ROOT

PAGE = (ROOT / "docs" / "law.md").read_text("utf-8")


def test_the_page_is_up_to_date() -> None:
    assert page() == PAGE, "run: make law-page"


def test_the_example_is_a_row_that_can_be_added() -> None:
    example = PAGE.partition("is a file like this:\n\n")[2].partition("\n\n")[0]
    row = TypeAdapter(LawRow).validate_python(tomllib.loads(textwrap.dedent(example)))
    assert SHIPPED.with_row(row).row(row.kind, row.holds_from) == row


def test_every_article_of_the_table_is_on_the_page() -> None:
    for row in SHIPPED.rows:
        for article in (row.article, row.notice_article, row.urgent_article, row.suspects_article):
            assert article in PAGE
