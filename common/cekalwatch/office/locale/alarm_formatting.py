"""An alarm in words: its kind, its begin, and what to do. Pure."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import datetime

from cekalwatch.contract.values.alarms import (
    OF_COUNTERS,
    OF_DATABASE,
    OF_PEOPLE,
    OF_SOURCES,
    OF_THRESHOLDS,
    Alarm,
    AlarmKind,
    Alarms,
)
from cekalwatch.contract.values.exercises import ExerciseStage
from cekalwatch.office.locale.alert_formatting import AlertFormatter

_NAMED = (
    "least_fps",
    "offset_s",
    "reason",
    "machine",
    "state",
    "missing",
    "held",
    "records",
    "references",
    "people",
    "loops",
    "rows",
    "change",
    "destinations",
    "waiting",
    "threshold",
    "before",
    "passages",
    "missed",
    "factor",
    "hours",
)
"""Details that a text may name."""
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
MAX_LINES = 3
"""Maximum number of alarms that are named in little space."""


class AlarmFormatter(AlertFormatter):
    """A program's texts in one language, with alerts and alarms in these words."""

    def alarm_place(self, alarm: Alarm) -> str:
        """Return the counter with the camera, or what else it is about, in words."""
        if alarm.kind in OF_COUNTERS:
            return self.say("COUNTER", counter=alarm.counter)
        if alarm.counter:
            return f"{self.say('COUNTER', counter=alarm.counter)} ({alarm.about})"
        if alarm.kind in OF_SOURCES and alarm.about == "import":
            return self.say("SOURCE_BY_HAND")
        if alarm.kind in OF_PEOPLE:
            return self.say("PLACE_AUDIT_ENTRY", number=alarm.about.rpartition(" ")[2])
        if alarm.kind in OF_DATABASE:
            return self.say("PLACE_TABLE", table=alarm.about)
        if alarm.kind in OF_THRESHOLDS or alarm.kind is AlarmKind.REFERENCES_UNSEARCHED:
            return self.say("PLACE_RECOGNITION")
        return alarm.about

    def alarm(self, alarm: Alarm) -> str:
        told = {name: alarm.details.get(name, "?") for name in _NAMED}
        details = {name: self.localised(one) if _NUMBER.fullmatch(one) else one for name, one in told.items()}
        stage = alarm.details.get("stage", "")
        details["stage"] = self.say(f"EXERCISE_STAGE_{stage}") if stage in set(ExerciseStage) else stage or "?"
        details["reason"] = self._reason(details["reason"])
        return self.say(f"TROUBLE_{alarm.kind or 'UNKNOWN'}", **details)

    def _reason(self, code: str) -> str:
        """Return the sentence of an error's code, without its full stop; the code where it has none of its own."""
        with suppress(KeyError):
            return self.say(f"REJECTED_{code}")
        with suppress(KeyError):  # or it needs details that an alarm does not have
            return self.say(f"REFUSED_{code}").rstrip(".")
        return code

    def advice(self, alarm: Alarm) -> str:
        return self.say(f"ADVICE_{alarm.kind or 'UNKNOWN'}")

    def alarm_line(self, alarm: Alarm) -> str:
        """Return place and alarm, for one line."""
        return f"{self.alarm_place(alarm)}: {self.alarm(alarm)}"

    def since(self, alarm: Alarm, now: datetime) -> str:
        return self.moment(alarm.began_at, now)

    def acknowledged(self, alarm: Alarm) -> str:
        """Return who acknowledged it; empty while nobody has."""
        return self.say("TROUBLE_SEEN_BY", name=alarm.seen_by) if alarm.seen_by else ""

    def alarm_lines(self, alarms: Alarms) -> list[str]:
        """Return the newest alarms, a line each, and the number of others."""
        lines = [self.alarm_line(one) for one in alarms[::-1][:MAX_LINES]]
        if more := len(alarms) - len(lines):
            lines.append(self.say("MORE_TROUBLES", count=more))
        return lines
