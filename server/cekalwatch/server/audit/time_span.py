"""Reads a span of time as people write it, in days or moments of a place."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, tzinfo

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.audit.entry import stamp

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def span(since: str, until: str, zone: tzinfo) -> tuple[str, str]:
    """Return the stamps of the first moment within and the first one after; empty where nothing was given.

    A day counts as a whole, `until`'s included; a moment without offset is one of `zone`. Raises ProgramError.
    """
    first, end = _moment("--since", since, zone), _moment("--until", until, zone)
    if end and _DAY.fullmatch(until):
        # Midnight of the next day in that zone, whatever its clocks do in between.
        end = datetime.combine(end.date() + timedelta(days=1), end.timetz())
    if first and end and end <= first:
        raise ProgramError("--until is not after --since", Exit.USAGE)
    return stamp(first) if first else "", stamp(end) if end else ""


def _moment(option: str, text: str, zone: tzinfo) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ProgramError(f"{option} is no day or moment; write 2026-03-01 or 2026-03-01T06:00", Exit.USAGE) from None
    return moment.replace(tzinfo=zone) if moment.tzinfo is None else moment
