"""Following of the groups that decide roles, which one server does for all of a database."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from cekalwatch.extensions.ldap.alarms import DirectoryAlarms
from cekalwatch.extensions.ldap.directory import LdapDirectory
from cekalwatch.extensions.ldap.following import Directory, GroupFollower, NoDirectory
from cekalwatch.extensions.ldap.settings import DEFAULT_OUTAGE_HOURS, Section
from cekalwatch.extensions.ldap.store import GroupStore
from cekalwatch.server.cluster.jobs import LeaderJob
from cekalwatch.server.wiring.extensions import Core

FOLLOW_PERIOD_S: Final = 15.0
"""With a whole look (`LOOK_S`), less than the minute within which who leaves a group loses the role."""


def start(core: Core) -> tuple[LeaderJob, ...]:
    """Return the work that keeps roles as the directory of the settings says. Raises ProgramError."""
    context = core.context
    terms = Section.of(context.settings).directory
    directory: Directory = LdapDirectory(terms) if terms else NoDirectory()
    lasts = terms.outage if terms else timedelta(hours=DEFAULT_OUTAGE_HOURS)
    groups = GroupStore(context.database)
    follower = GroupFollower(directory, lasts, groups, context.stores.people, context.clock, context.actor)
    rule = DirectoryAlarms(follower, context.clock)

    def follow() -> None:
        follower.look()
        core.board.apply(rule)

    return (LeaderJob("follow_groups", FOLLOW_PERIOD_S, follow),)
