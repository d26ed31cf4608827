"""Colours that can be told apart, from a metre and at night."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QColor

from cekalwatch.notifier.desktop.widgets.theme import CONTRAST, DARK, LIGHT, Theme

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


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    value = QColor(colour)
    parts = (value.redF(), value.greenF(), value.blueF())
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return float(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])


def contrast(one: str, other: str) -> float:
    """Contrast ratio (WCAG 2.2), 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [LIGHT, DARK, CONTRAST], ids=["light", "dark", "contrast"])
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_text_stands_out_from_its_ground(theme: Theme, text: str, ground: str) -> None:
    least = 7 if theme is CONTRAST else 4.5
    assert contrast(getattr(theme, text), getattr(theme, ground)) >= least


@pytest.mark.parametrize("theme", [LIGHT, DARK, CONTRAST], ids=["light", "dark", "contrast"])
def test_the_keyboards_place_stands_out(theme: Theme) -> None:
    for ground in (theme.ground, theme.panel):
        assert contrast(theme.focus, ground) >= 3
