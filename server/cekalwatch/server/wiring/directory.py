"""Following of the groups that decide roles, which one server does for all of a database."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from cekalwatch.server.auth.directory.following import Directory, GroupFollower, NoDirectory
from cekalwatch.server.auth.directory.ldap import LdapDirectory
from cekalwatch.server.auth.directory.terms import DEFAULT_OUTAGE_HOURS
from cekalwatch.server.cluster.jobs import LeaderJob
from cekalwatch.server.health.alarms.board import AlarmBoard
from cekalwatch.server.health.alarms.people import DirectoryAlarms
from cekalwatch.server.storage.people.group_store import GroupStore
from cekalwatch.server.wiring.storage import Context

FOLLOW_PERIOD_S: Final = 15.0
"""With a whole look (`LOOK_S`), less than the minute within which who leaves a group loses the role."""


def init_directory(context: Context, board: AlarmBoard) -> LeaderJob:
    """Return the work that keeps roles as the groups say; `board` gets its alarms. Raises ProgramError."""
    follower = open_follower(context)
    rule = DirectoryAlarms(follower, context.clock)

    def follow() -> None:
        follower.look()
        board.apply(rule)

    return LeaderJob("follow_groups", FOLLOW_PERIOD_S, follow)


def open_follower(context: Context) -> GroupFollower:
    """Return what brings roles to what the directory of the settings says. Raises ProgramError."""
    terms = context.settings.directory
    directory: Directory = LdapDirectory(terms) if terms else NoDirectory()
    lasts = terms.outage if terms else timedelta(hours=DEFAULT_OUTAGE_HOURS)
    groups = GroupStore(context.database)
    return GroupFollower(directory, lasts, groups, context.stores.people, context.clock, context.actor)
