"""Makes text from other systems, which may hold anything, safe for a screen."""

from __future__ import annotations

import unicodedata

MAX_CHARACTERS = 200


def safe_text(value: str, most: int = MAX_CHARACTERS) -> str:
    """Return `value` on one line, at most `most` characters, without control, format or unassigned characters.

    Control characters could move the cursor or ring the bell; format characters could turn the reading direction, so
    that a name reads as another one.
    """
    if len(value) <= most and value.isprintable() and "  " not in value and value == value.strip():
        return value  # as nearly all are
    spaced = "".join(" " if character.isspace() else character for character in value)
    kept = "".join(character for character in spaced if not unicodedata.category(character).startswith("C"))
    line = " ".join(kept.split())
    return line if len(line) <= most else line[: most - 1] + "…"
