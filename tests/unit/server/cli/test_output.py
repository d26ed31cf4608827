"""Tables on a narrow terminal."""

from __future__ import annotations

import io

from rich.console import Console

from cekalwatch.server.cli.output import whole_table


def test_all_of_a_text_is_shown_and_markup_is_text() -> None:
    keys = ["K" * 60 + "-1", "K" * 60 + "-2", "S-[/red]8"]
    screen = Console(file=io.StringIO(), width=40)
    screen.print(whole_table(("Subject", "Order"), [(key, key) for key in keys]))
    told = screen.file.getvalue()  # type: ignore[attr-defined]
    assert "…" not in told
    assert [told.count(part) for part in ("-1", "-2", "[/red]8")] == [2, 2, 2]
