"""The database: whether it can be used, opened with the master key, and has a fresh list and an administrator."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import datetime, timedelta

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.program.checks.results import CheckResult, CheckVerdict, Judged
from cekalwatch.program.errors import ProgramError
from cekalwatch.server.audit.entry import operator
from cekalwatch.server.backup.record import BackupRecord
from cekalwatch.server.data_folder import refuse_lost_database
from cekalwatch.server.domain.clock import SystemClock, lately
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.errors import StorageError
from cekalwatch.server.storage.integrity.signed_row import ChangedRowError
from cekalwatch.server.storage.keys.store import KeyStore
from cekalwatch.server.storage.migrations.applying import Migrations
from cekalwatch.server.watchlist.sources.opening import source_name
from cekalwatch.server.wiring.storage import Context


def check_data(settings: ServerSettings, now: datetime) -> Iterator[CheckResult]:
    """Yield the results for database, master key, list and people; what cannot be read is left out."""
    try:
        with closing(Database(settings.database_address)) as database:
            refuse_lost_database(settings, database)
            judged = _check_database(database)
            yield CheckResult("database", *judged)
            if judged[0] is CheckVerdict.OK:
                yield from _check_content(settings, database, now)
    except StorageError as error:
        yield CheckResult("database", CheckVerdict.FAIL, f"it cannot be used: {error}; is it running, and writable?")
    except ProgramError as error:
        yield CheckResult("database", CheckVerdict.FAIL, str(error))


def _check_database(database: Database) -> Judged:
    if not database.is_there:
        return CheckVerdict.WARN, f"there is no {database.name}: the first start of the server makes it"
    match database.migrations():
        case Migrations.OLDER:
            return CheckVerdict.FAIL, f"{database.name} is of an older version: cekalwatch-server upgrade"
        case Migrations.NEWER:
            return CheckVerdict.FAIL, f"{database.name} is of a newer version: update this program"
    return CheckVerdict.OK, database.name


def _check_content(settings: ServerSettings, database: Database, now: datetime) -> Iterator[CheckResult]:
    source = settings.master_key_source
    if not KeyStore.is_begun(database):
        yield CheckResult("master key", CheckVerdict.WARN, f"not used yet; the first start takes it from {source.name}")
        return
    try:
        # The stack is never closed: nothing is written back.
        context = Context.open(settings, database, SystemClock(), operator(), ExitStack())
    except ProgramError as error:
        yield CheckResult("master key", CheckVerdict.FAIL, str(error))
        return
    yield CheckResult("master key", CheckVerdict.OK, f"{source.name}; keep a copy of it apart from the backups")
    yield CheckResult("watchlist", *_check_list(context, now))
    yield CheckResult("people", *_check_people(context))


def check_backup(settings: ServerSettings, now: datetime) -> Judged:
    """Say how old the last backup is."""
    terms, last = settings.backup, BackupRecord.load(settings.backup_record_file)
    if last is None:
        if not terms.recipients:
            return CheckVerdict.WARN, "none was ever made: set recipients and folder in [backup] (docs/backup.md)"
        return CheckVerdict.WARN, "none was ever made: cekalwatch-server backup, and each night (docs/backup.md)"
    text = f"the last backup was made {_ago(last.made_at, now)}: {last.file}"
    if not lately(last.made_at, now, terms.limit):
        return CheckVerdict.WARN, f"{text}; {terms.limit_hours:g} are the limit: why did no newer one come?"
    return CheckVerdict.OK, text


def _ago(moment: datetime, now: datetime) -> str:
    hours = (now - moment) / timedelta(hours=1)
    return f"{hours:.1f} hours ago" if hours > -1 else f"{-hours:.1f} hours from now, by a clock that was ahead"


def _check_list(context: Context, now: datetime) -> Judged:
    settings = context.settings
    name = source_name(settings.watchlist.source, settings.home.zone)
    last = context.stores.watchlist.last_success_at(name)
    how = "watchlist sync now" if name else "watchlist import FOLDER"
    if last is None:
        return CheckVerdict.WARN, f"nothing was read from {name or 'a folder'} yet: cekalwatch-server {how}"
    text = f"as it was {_ago(last, now)}"
    if not lately(last, now, timedelta(hours=settings.freshness_limit_hours)):
        return (
            CheckVerdict.WARN,
            f"{text}, and {settings.freshness_limit_hours:g} are the limit: cekalwatch-server {how}",
        )
    return CheckVerdict.OK, text


def _check_people(context: Context) -> Judged:
    try:
        people = [account.person for account in context.stores.people.all()]
    except ChangedRowError as error:
        return CheckVerdict.FAIL, f"{error}; see: cekalwatch-server rows check"
    active = [person for person in people if not person.disabled]
    roles = {role for person in active for role in person.roles}
    missing = [
        role for role in (PersonRole.ADMINISTRATOR, PersonRole.SUPERVISOR, PersonRole.OFFICER) if role not in roles
    ]
    if missing:
        lacking = ", ".join(role.lower() for role in missing)
        return CheckVerdict.WARN, f"nobody is {lacking}: cekalwatch-server people add NAME --role ROLE"
    return CheckVerdict.OK, f"{len(active)} may sign in"
