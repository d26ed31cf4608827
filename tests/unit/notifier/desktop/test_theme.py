"""Colours that can be told apart, from a metre and at night."""

from __future__ import annotations

import pytest

from cekalwatch.notifier.desktop.widgets.theme import CONTRAST, DARK, LIGHT, Theme
from tests.support.tools.contrast import contrast

PAIRS = (
    ("text", "ground"),
    ("text", "panel"),
    ("muted", "ground"),
    ("muted", "panel"),
    ("accent_text", "accent"),
    ("alarm_text", "alarm"),
    ("warning_text", "warning"),
    ("good_text", "good"),
)


@pytest.mark.parametrize("theme", [LIGHT, DARK, CONTRAST], ids=["light", "dark", "contrast"])
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_text_stands_out_from_its_ground(theme: Theme, text: str, ground: str) -> None:
    least = 7 if theme is CONTRAST else 4.5
    assert contrast(getattr(theme, text), getattr(theme, ground)) >= least


@pytest.mark.parametrize("theme", [LIGHT, DARK, CONTRAST], ids=["light", "dark", "contrast"])
def test_the_keyboards_place_stands_out(theme: Theme) -> None:
    for ground in (theme.ground, theme.panel):
        assert contrast(theme.focus, ground) >= 3
