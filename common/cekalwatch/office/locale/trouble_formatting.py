"""A problem in words: its kind, its begin, and what to do. Pure."""

from __future__ import annotations

import re
from datetime import datetime

from cekalwatch.contract.values.exercises import ExerciseStage
from cekalwatch.contract.values.troubles import (
    OF_COUNTERS,
    OF_DATABASE,
    OF_PEOPLE,
    OF_SOURCES,
    OF_THRESHOLDS,
    Trouble,
    TroubleKind,
    Troubles,
)
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
"""Maximum number of problems that are named in little space."""


class TroubleFormatter(AlertFormatter):
    """A program's texts in one language, with alerts and problems in these words."""

    def trouble_place(self, trouble: Trouble) -> str:
        """Return the counter with the camera, or what else it is about, in words."""
        if trouble.kind in OF_COUNTERS:
            return self.say("COUNTER", counter=trouble.counter)
        if trouble.counter:
            return f"{self.say('COUNTER', counter=trouble.counter)} ({trouble.about})"
        if trouble.kind in OF_SOURCES and trouble.about == "import":
            return self.say("SOURCE_BY_HAND")
        if trouble.kind in OF_PEOPLE:
            return self.say("PLACE_AUDIT_ENTRY", number=trouble.about.rpartition(" ")[2])
        if trouble.kind in OF_DATABASE:
            return self.say("PLACE_TABLE", table=trouble.about)
        if trouble.kind in OF_THRESHOLDS or trouble.kind is TroubleKind.REFERENCES_UNSEARCHED:
            return self.say("PLACE_RECOGNITION")
        return trouble.about

    def trouble(self, trouble: Trouble) -> str:
        told = {name: trouble.details.get(name, "?") for name in _NAMED}
        details = {name: self.localised(one) if _NUMBER.fullmatch(one) else one for name, one in told.items()}
        stage = trouble.details.get("stage", "")
        details["stage"] = self.say(f"EXERCISE_STAGE_{stage}") if stage in set(ExerciseStage) else stage or "?"
        return self.say(f"TROUBLE_{trouble.kind or 'UNKNOWN'}", **details)

    def advice(self, trouble: Trouble) -> str:
        return self.say(f"ADVICE_{trouble.kind or 'UNKNOWN'}")

    def trouble_line(self, trouble: Trouble) -> str:
        """Return place and problem, for one line."""
        return f"{self.trouble_place(trouble)}: {self.trouble(trouble)}"

    def since(self, trouble: Trouble, now: datetime) -> str:
        return self.moment(trouble.began_at, now)

    def acknowledged(self, trouble: Trouble) -> str:
        """Return who acknowledged it; empty while nobody has."""
        return self.say("TROUBLE_SEEN_BY", name=trouble.seen_by) if trouble.seen_by else ""

    def trouble_lines(self, troubles: Troubles) -> list[str]:
        """Return the newest problems, a line each, and the number of others."""
        lines = [self.trouble_line(one) for one in troubles[::-1][:MAX_LINES]]
        if more := len(troubles) - len(lines):
            lines.append(self.say("MORE_TROUBLES", count=more))
        return lines
