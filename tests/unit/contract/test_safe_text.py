from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cekalwatch.contract.engine.safe_text import MAX_CHARACTERS, safe_text


@pytest.mark.parametrize(
    ("unsafe", "safe"),
    [
        ("BUDI\x1b[2J\x1b[H", "BUDI[2J[H"),
        ("BUDI\x07\x00", "BUDI"),
        ("BUDI\r\nSANTOSO\t\u2028X", "BUDI SANTOSO X"),
        ("evil\u202egpj.exe", "evilgpj.exe"),
        ("a\u200bb\ufeff", "ab"),
        ("\ud800x", "x"),
        ("I Gusti Ngurah Ñandú 陳", "I Gusti Ngurah Ñandú 陳"),
        ("[bold red]x[/]", "[bold red]x[/]"),
    ],
)
def test_text_of_the_watchlist_cannot_steer_the_terminal(unsafe: str, safe: str) -> None:
    assert safe_text(unsafe) == safe


@given(st.text())
def test_safe_text_is_one_short_printable_line(value: str) -> None:
    safe = safe_text(value)
    assert len(safe) <= MAX_CHARACTERS
    assert not any(unicodedata.category(character).startswith("C") for character in safe)
    assert safe_text(safe) == safe


@given(st.text(max_size=30), st.integers(1, 30))
def test_text_that_is_safe_already_stays_as_it_is(value: str, most: int) -> None:
    safe = safe_text(value, most)
    assert safe_text(safe, most) == safe
    assert safe.isprintable()
    assert len(safe) <= most
    assert safe_text(f" {safe}  {safe} ", 100) == " ".join(f"{safe} {safe}".split())
