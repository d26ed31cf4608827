"""Days, moments and lengths of time in words, by one zone's clock. Pure."""

from __future__ import annotations

from datetime import date, datetime, timedelta, tzinfo

from cekalwatch.program.translations import Language, Texts

_MINUTE_S, _HOUR_S = 60, 3600


class MomentFormatter(Texts):
    """A program's texts in one language, and times in these words."""

    def __init__(self, program: str, language: Language, zone: tzinfo | None = None) -> None:
        """`program` is the package of the program. Times are those of `zone`, the site's, or of this machine."""
        super().__init__(program, language, "cekalwatch.office")
        self._zone = zone

    @property
    def zone(self) -> tzinfo | None:
        """The time zone; None for that of this PC."""
        return self._zone

    def date(self, day: date) -> str:
        """Return a day as people here write it: 2 Maret 2026."""
        return f"{day.day} {self.say('MONTHS').split()[day.month - 1]} {day.year}"

    def written(self, iso_date: str) -> str:
        """Return a date of a list; an incomplete date, such as a year alone, is returned unchanged."""
        try:
            return self.date(date.fromisoformat(iso_date))
        except ValueError:
            return iso_date

    def time(self, moment: datetime) -> str:
        """Return a moment by the site's clock: the day, the second, and the time zone."""
        return f"{self.date(moment.astimezone(self._zone))} {self.clock(moment)}"

    def minute(self, moment: datetime) -> str:
        """Return a moment by the site's clock: the day, the minute, and the time zone."""
        local = moment.astimezone(self._zone)
        return f"{self.date(local)} {local:%H:%M %Z}"

    def moment(self, moment: datetime, now: datetime) -> str:
        """Return a moment, without the day if it is today."""
        today = moment.astimezone(self._zone).date() == now.astimezone(self._zone).date()
        return self.clock(moment) if today else self.time(moment)

    def hour(self, moment: datetime) -> str:
        """Return a moment of today to the second, where the time zone is said elsewhere."""
        return f"{moment.astimezone(self._zone):%H:%M:%S}"

    def clock(self, moment: datetime) -> str:
        """Return a moment of today: the second, and the time zone."""
        return f"{moment.astimezone(self._zone):%H:%M:%S %Z}"

    def duration(self, length: timedelta) -> str:
        """Return a length of time in its largest whole unit; one below zero, of a clock that was set back, as zero."""
        seconds = max(0, round(length.total_seconds()))
        if seconds < 2 * _MINUTE_S:
            return self.say("SECONDS", count=seconds)
        if seconds < 2 * _HOUR_S:
            return self.say("MINUTES", count=seconds // _MINUTE_S)
        return self.say("HOURS", count=seconds // _HOUR_S)
