"""Finds personal data in the lines that programs log.

People of tests and demonstrations have names that nothing else has, so that one look tells a name in a log.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

PEOPLE = ("Contoh Satu", "Contoh Dua", "Contoh Tujuh", "Sekar Ayuningtyas", "Mbak Ayu", "Jalan Engku Putri")
"""Names, an alias and an address of the people on the tests' watchlists."""
STAFF = ("Petugas ", "kuda hujan lampu besi", "sepeda awan garam merah", "garam sepeda awan biru")
"""How the names of those who sign in begin, and their passwords."""

_NIK = re.compile(r"(?<![\d.a-fA-F])\d{16}(?![\da-fA-F])")
"""Sixteen digits that are no part of a fraction or of a hexadecimal key: the number of a citizen."""
_READABLE = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\S*.{0,12}\[(debug|info|warning|error|critical)")
"""The beginning of a line as structlog renders it for a terminal."""
_COLOUR = re.compile(r"\x1b\[[\d;]*m")


def log_lines(text: str) -> Iterator[str]:
    """Yield the lines of `text` that a log wrote; what a command shows on a screen may well have names."""
    for line in _COLOUR.sub("", text).splitlines():
        if _READABLE.match(line.strip()) or _is_record(line):
            yield line


def _is_record(line: str) -> bool:
    if not line.lstrip().startswith("{"):
        return False
    try:
        record = json.loads(line)
    except ValueError:
        return False
    return isinstance(record, dict) and {"event", "level"} <= record.keys()


def personal_data(text: str, people: tuple[str, ...] = PEOPLE + STAFF) -> list[str]:
    """Return the log lines of `text` that name one of `people` or hold the number of a citizen."""
    names = re.compile("|".join(map(re.escape, people)), re.IGNORECASE)
    plain = _COLOUR.sub("", text)
    if not names.search(plain) and not _NIK.search(plain):
        return []  # as nearly always, and lines take ten times as long
    return [line for line in log_lines(text) if names.search(line) or _NIK.search(line)]
