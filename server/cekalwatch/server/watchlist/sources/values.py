"""Reads single values of a source, of any type, strictly: an uncertain value is refused.

It does not know the meaning of fields. Each function takes the field's name for the RecordError that it raises.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, tzinfo
from decimal import Decimal
from uuid import UUID

from cekalwatch.contract.engine.safe_text import safe_text
from cekalwatch.server.watchlist.imports.records import RecordError

_ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_ISO_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})?)?", re.ASCII)
_ISO_FORMAT = "%Y-%m-%d"
_YES_OR_NO = dict.fromkeys(("", "no", "tidak", "false", "0"), False) | dict.fromkeys(("yes", "ya", "true", "1"), True)
_MONTHS = {
    local: english
    for english, locals_ in {
        "January": ("januari",),
        "February": ("februari", "pebruari"),
        "March": ("maret",),
        "May": ("mei",),
        "June": ("juni",),
        "July": ("juli",),
        "August": ("agustus",),
        "October": ("oktober",),
        "November": ("nopember",),
        "December": ("desember",),
        "Feb": ("peb",),
        "Aug": ("agu", "agt", "ags"),
        "Oct": ("okt",),
        "Nov": ("nop",),
        "Dec": ("des",),
    }.items()
    for local in locals_
}
"""Indonesian names of months in the English that strptime knows."""
_WORD = re.compile(r"[^\W\d_]+")
_WHOLE_FLOATS = 2**53
MAX_CHARACTERS = 10_000
"""Of a text in a source's row: twice the longest list of names."""
MAX_DIGITS = 40
"""Of a number; none that says something of a person or an order has more."""
_REPLACED = "\ufffd"


class DamagedValue:
    """Stands for a value that its source has damaged, such as a number without its last digits or a formula's error."""


DAMAGED_VALUE = DamagedValue()


def text(field: str, value: object) -> str:
    """Return a value as text, without space at its ends; a whole number as its digits."""
    match value:
        case None:
            return ""
        case str():
            # With the replacement character, an earlier program has dropped what it could not read.
            if len(value) <= MAX_CHARACTERS and _REPLACED not in value:
                return value.strip()
        case bool():
            return "true" if value else "false"
        case int() if abs(value) < 10**MAX_DIGITS:
            return str(value)
        case float() if value.is_integer() and abs(value) < _WHOLE_FLOATS:
            return str(int(value))
        # A few characters can stand for a number of millions of digits.
        case Decimal() if value.is_finite() and value.adjusted() < MAX_DIGITS and value == value.to_integral_value():
            return str(int(value))
        case UUID():
            return str(value)
    raise RecordError(field)


def shown(value: object, most: int) -> str:
    """Return a value for the person who must correct it: at most `most` characters; empty if nothing can be shown."""
    match value:
        case str():
            return safe_text(value[: most + 1], most)
        case date():
            return value.isoformat()
    try:
        return safe_text(text("", value), most)
    except RecordError:
        return ""


def texts(field: str, value: object, separator: str) -> list[str]:
    """Return the texts of a list, or of a text with separators."""
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [text(field, part) for part in value]
    whole = text(field, value)
    return [part.strip() for part in whole.split(separator)] if whole else []


def day(field: str, value: object, formats: Sequence[str], zone: tzinfo) -> str:
    """Return a day as YYYY-MM-DD, or nothing; a moment counts as its day in `zone`."""
    match value:
        case datetime():
            return (_localised(field, value, zone) if value.tzinfo else value).date().isoformat()
        case date():
            return value.isoformat()
    written = text(field, value)
    if not written:
        return ""
    found = _day_as(written, formats)
    if found is None:
        raise RecordError(field)
    return found.isoformat()


def moment(
    field: str, value: object, formats: Sequence[str], day_formats: Sequence[str], zone: tzinfo
) -> datetime | None:
    """Return a moment; a day counts as its beginning. Without an offset it is in `zone`."""
    match value:
        case datetime():
            found: datetime | None = value
        case date():
            found = datetime.combine(value, time())
        case _:
            found = _written_moment(field, text(field, value), formats, day_formats)
    if found is None:
        return None
    _localised(field, found, zone)  # outside the years 1 to 9999 there is no day
    return found if found.tzinfo else found.replace(tzinfo=zone)


def yes_or_no(field: str, value: object) -> bool:
    """Return a yes or no; nothing means no."""
    try:
        return _YES_OR_NO[text(field, value).lower()]
    except KeyError:
        raise RecordError(field) from None


def translated(value: object, meanings: Mapping[str, str]) -> object:
    """Return the meaning of a text by `meanings`, whose keys are folded; other values unchanged."""
    if not meanings:
        return value
    if value is None or isinstance(value, str):
        return meanings.get(folded(value or ""), value)
    if isinstance(value, int) and abs(value) < 10**MAX_DIGITS:
        return meanings.get(folded(str(value)), value)
    return value


def folded(written: str) -> str:
    """Return a text in lower case and without space at its ends, for comparisons."""
    return written.strip().casefold()


def _written_moment(field: str, written: str, formats: Sequence[str], day_formats: Sequence[str]) -> datetime | None:
    if not written:
        return None
    if found := _day_as(written, day_formats):
        return datetime.combine(found, time())
    try:
        if _ISO_MOMENT.fullmatch(written):
            return datetime.fromisoformat(written)
    except ValueError:
        raise RecordError(field) from None
    for form in formats:
        try:
            return datetime.strptime(in_english(written), form)  # noqa: DTZ007  # the caller knows the zone
        except ValueError:
            continue
    raise RecordError(field)


def _day_as(written: str, formats: Sequence[str]) -> date | None:
    for form in formats:
        try:
            if form != _ISO_FORMAT:
                return datetime.strptime(in_english(written), form).date()  # noqa: DTZ007  # a day
            # strptime reads more than the one form that is documented.
            if _ISO_DAY.fullmatch(written):
                return date.fromisoformat(written)
        except ValueError:
            continue
    return None


def in_english(written: str) -> str:
    """Return a text with Indonesian names of months in English."""
    return _WORD.sub(lambda word: _MONTHS.get(word[0].lower(), word[0]), written)


def _localised(field: str, value: datetime, zone: tzinfo) -> datetime:
    try:
        return value.astimezone(zone)
    except (ValueError, OverflowError, OSError):
        raise RecordError(field) from None
