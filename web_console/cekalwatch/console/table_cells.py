"""Gives each cell of a table its column's heading, which stands before it where the style sheet shows rows as cards."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from markupsafe import Markup, escape

_CELL = re.compile(r"<(t[dh])(?=[\s>])")


def with_heads(row: Markup, heads: Sequence[str]) -> Markup:
    """Return a row that a template has drawn, with `data-head` in each cell but the one that names the row."""
    turn = itertools.cycle(heads)

    def named(cell: re.Match[str]) -> str:
        head = next(turn)
        return f'<td data-head="{escape(head)}"' if cell[1] == "td" and head else cell[0]

    return Markup(_CELL.sub(named, row))  # noqa: S704  # it was drawn by a template, and heads are escaped
