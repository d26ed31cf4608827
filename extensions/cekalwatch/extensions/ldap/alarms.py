"""Alarms of the directory whose groups decide roles."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta

from cekalwatch.contract.values.alarms import OF_DIRECTORY, AlarmKind
from cekalwatch.extensions.ldap.following import GroupFollower
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.health.alarms.board import Findings, condition


@dataclass(frozen=True)
class DirectoryAlarms:
    """The rule for the directory, at the server that follows its groups."""

    groups: GroupFollower
    clock: Clock

    def look(self) -> Findings:
        """Return what the last look at the directory found."""
        away = self.groups.outage
        conditions = [condition(AlarmKind.GROUP_MISSING, one) for one in sorted(self.groups.missing)]
        if away:
            hours = max(0, math.ceil((away.until - self.clock.now()) / timedelta(hours=1)))
            conditions.append(condition(AlarmKind.DIRECTORY_AWAY, "directory", reason=away.reason, hours=hours))
        return Findings(conditions, lambda kind, _: kind in OF_DIRECTORY)
