"""All checks, in the order in which a person would fix what they find: the machine, its data, its devices."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, closing
from datetime import datetime, timedelta

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.program.checks.certificate import check_certificate, judge_dates
from cekalwatch.program.checks.machine import check_clock_set, check_disk, check_private, check_settings
from cekalwatch.program.checks.results import CheckResult, CheckVerdict, Judged
from cekalwatch.program.errors import ProgramError
from cekalwatch.program.extensions import extensions
from cekalwatch.program.settings import LoadedSettings
from cekalwatch.server.audit.entry import operator
from cekalwatch.server.backup.contents import BackupRecord
from cekalwatch.server.foundation.clock import SystemClock, lately
from cekalwatch.server.pki.ledger import Issued
from cekalwatch.server.pki.site_pki import REVOKED_FILE, SitePki
from cekalwatch.server.recognition.packs.installed import load_named
from cekalwatch.server.settings.named_files import named_files, unusable_files
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.setup.checks.network import check_enrolment, check_listen, check_metrics, other_places
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.errors import StorageError
from cekalwatch.server.storage.integrity.signed_row import ChangedRowError
from cekalwatch.server.storage.keys.store import KeyStore
from cekalwatch.server.storage.migrations.applying import Migrations
from cekalwatch.server.watchlist.sources.opening import source_name
from cekalwatch.server.wiring.data_folder import refuse_lost_database
from cekalwatch.server.wiring.storage import Context
from cekalwatch.wire.address import is_loopback
from cekalwatch.wire.identity import DeviceRole, Identity

AUTHORITY_WITHIN = timedelta(days=398)
"""An authority that has less left cannot give a device a certificate of the usual length."""


def check_installation(loaded: LoadedSettings[ServerSettings], now: datetime) -> Iterator[CheckResult]:
    """Yield each result as soon as it is known; each takes a few seconds at most."""
    settings = loaded.values
    yield CheckResult("settings", *check_settings(loaded))
    yield from check_named_files(settings)
    yield CheckResult("folder", *_check_folder(settings))
    yield CheckResult("disk", *check_disk(settings.data_dir, "nothing can be recorded when it is full"))
    yield CheckResult("clock", *check_clock_set())
    yield CheckResult("authority", *_or_failure(lambda: _check_authority(settings, now)))
    yield CheckResult("certificate", *_check_server_certificate(settings, now))
    yield from check_data(settings, now)
    yield CheckResult("audit key", *_or_failure(lambda: _check_audit_key(settings)))
    yield CheckResult("backup", *check_backup(settings, now))
    yield CheckResult("model pack", *_or_failure(lambda: _check_pack(settings)))
    yield from check_devices(settings, now)
    yield CheckResult("server", *_or_failure(lambda: check_listen(settings)))
    yield CheckResult("enrolment", *check_enrolment(settings))
    yield CheckResult("metrics", *check_metrics(settings))
    for places in (other_places, *(one.other_places for one in extensions("checks"))):
        for subject, judged in places(settings):
            yield CheckResult(subject, *judged)


def check_named_files(settings: ServerSettings) -> Iterator[CheckResult]:
    """Open every file that the settings name: a result for each that cannot be used, or one for all."""
    problems = list(unusable_files(settings))
    for problem in problems:
        yield CheckResult("file", CheckVerdict.FAIL, f"{problem}: put it back; the server does not start without it")
    if not problems:
        yield CheckResult("files", CheckVerdict.OK, f"{len(named_files(settings))} named in the settings can be used")


def _check_folder(settings: ServerSettings) -> Judged:
    if not settings.data_dir.is_dir():
        return CheckVerdict.FAIL, f"there is no {settings.data_dir}: set the site up with `cekalwatch-server init`"
    verdict, text = check_private(settings.data_dir, "the data in")
    # Each file in it has a mode of its own.
    return (CheckVerdict.OK if verdict is CheckVerdict.OK else CheckVerdict.WARN), text


def _check_authority(settings: ServerSettings, now: datetime) -> Judged:
    folder = settings.pki_path
    if not (folder / "authority.pem").exists():
        if settings.revocations:
            return CheckVerdict.OK, f"an authority elsewhere; its revocations are in {settings.revocations}"
        return CheckVerdict.WARN, f"none in {folder}: no device elsewhere can connect; make it with `init`"
    pki = SitePki.load(folder, settings.authority_token)
    until = pki.valid_until
    if not (settings.revocations or folder / REVOKED_FILE).exists():
        return CheckVerdict.FAIL, f"there is no {settings.revocations or folder / REVOKED_FILE}: restore {folder}"
    text = f"{folder}, valid until {until:%Y-%m-%d}; keep a copy of it under lock"
    if until <= now:
        return CheckVerdict.FAIL, f"{text}: it has ended, set the site up anew (docs/certificates.md)"
    return (CheckVerdict.WARN if until - now < AUTHORITY_WITHIN else CheckVerdict.OK), text


def _check_server_certificate(settings: ServerSettings, now: datetime) -> Judged:
    if settings.tls_path.exists():
        return check_certificate(settings.tls_path, DeviceRole.SERVER, None, now)
    if is_loopback(settings.listen):
        return CheckVerdict.WARN, f"none in {settings.tls_path}: only programs on this machine can connect"
    return CheckVerdict.FAIL, f"none in {settings.tls_path}: `pki issue --role server --name main --host NAME`"


def _check_audit_key(settings: ServerSettings) -> Judged:
    key, ledger = settings.present_audit_key(), settings.audit_ledger_file
    if key is None and ledger.exists():
        return CheckVerdict.FAIL, (
            f"{settings.audit_key_file} is gone: put it back from where its copy is kept (docs/audit.md)"
        )
    if key is None:
        return CheckVerdict.WARN, f"none yet; the first start makes {settings.audit_key_file}"
    if not ledger.exists():
        return CheckVerdict.FAIL, f"there is no {ledger}, so that nothing is signed: restore it (docs/audit.md)"
    return CheckVerdict.OK, f"{settings.audit_key_from or settings.audit_key_file}; keep a copy of it under lock"


def _check_pack(settings: ServerSettings) -> Judged:
    pack = load_named(settings.models_path, settings.model_pack)
    return CheckVerdict.OK, f"{pack.name} ({pack.model_version}) in {pack.folder}"


def _or_failure(look: Callable[[], Judged]) -> Judged:
    """Return the result, or a failure with its reason."""
    try:
        return look()
    except ProgramError as error:
        return CheckVerdict.FAIL, str(error)


def check_devices(settings: ServerSettings, now: datetime) -> Iterator[CheckResult]:
    """Yield a result for each camera of the settings, and for each device whose certificate is not in order."""
    if not settings.cameras:
        yield CheckResult("cameras", CheckVerdict.WARN, "the settings have none: write [[cameras]], nothing is seen")
    try:
        pki = SitePki.load(settings.pki_path, settings.authority_token)
        issued, invited = pki.issued(), {one.identity for one in pki.open_invitations(now)}
    except ProgramError:
        return  # `check_authority` reports it
    newest: dict[Identity, Issued] = {one.identity: one for one in issued if one.good(now)}
    known = {Identity(DeviceRole.CAMERA, one.site, one.camera_id): one for one in settings.cameras}
    for identity, camera in known.items():
        text = f"counter {camera.counter}, {camera.direction.lower()} at {camera.site}"
        if identity in newest:
            verdict, said = CheckVerdict.OK, f"{text}: a capture host has its certificate"
        elif identity in invited:
            verdict, said = CheckVerdict.WARN, f"{text}: invited, and not enrolled yet"
        else:
            verdict, said = (
                CheckVerdict.WARN,
                (f"{text}: no capture host has this key: pki invite --role camera --name {camera.camera_id}"),
            )
        yield CheckResult("camera", verdict, said, camera.camera_id)
    seats = {one.identity.site for one in newest.values() if one.identity.role is DeviceRole.NOTIFIER}
    for site in sorted({one.site for one in settings.cameras} - seats):
        counters = ", ".join(dict.fromkeys(one.counter for one in settings.cameras if one.site == site))
        waiting = sorted(one.name for one in invited if one.role is DeviceRole.NOTIFIER and one.site == site)
        then = (
            f"{', '.join(waiting)}: invited, and not enrolled yet"
            if waiting
            else f"pki invite --role notifier --name NAME --site {site}"
        )
        yield CheckResult(
            "notifiers",
            CheckVerdict.WARN,
            f"no officer's PC at {site} is enrolled, so that nobody sees the alerts of its counters {counters}; {then}",
        )
    yield from _check_ports(newest, invited)
    for identity, one in newest.items():
        verdict, said = judge_dates(identity, one.certificate, now)
        if verdict is not CheckVerdict.OK:
            yield CheckResult("device", verdict, said)
        if identity.role is DeviceRole.CAMERA and identity not in known:
            yield CheckResult(
                "device",
                CheckVerdict.WARN,
                f"{identity.uri} has a certificate, and the settings have no such camera: add it, or revoke it",
            )


def _check_ports(newest: Mapping[Identity, Issued], invited: Collection[Identity]) -> Iterator[CheckResult]:
    """Yield a result for each port's server; two servers of one port would each receive all of the port's data."""
    ports = [one for one in newest if one.role is DeviceRole.PORT]
    for identity in ports:
        others = sorted(one.name for one in ports if one.site == identity.site and one != identity)
        if others:
            text = f"{identity.uri}: the port has other servers, {', '.join(others)}; revoke what is not in use"
            yield CheckResult("port", CheckVerdict.WARN, text)
        else:
            yield CheckResult("port", CheckVerdict.OK, f"{identity.uri}: its server has its certificate")
    for identity in sorted({one for one in invited if one.role is DeviceRole.PORT} - set(ports), key=str):
        yield CheckResult("port", CheckVerdict.WARN, f"{identity.uri}: invited, and not enrolled yet")


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
    if not (terms.recipients and terms.folder):
        made = f"the last one was made {_ago(last.made_at, now)}" if last else "none was ever made"
        return CheckVerdict.WARN, f"{made}: set recipients and folder in [backup], also for `upgrade` (docs/backup.md)"
    if last is None:
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


def one_administrator(name: str) -> str:
    """Return the consequence of having only one administrator."""
    return (
        f"{name} is the only administrator: while {name} is away nobody gets an account or another password, and only "
        "commands on this machine can change that record: add a second one, and a supervisor, who signs with them"
    )


def _check_people(context: Context) -> Judged:
    try:
        people = [account.person for account in context.stores.people.all()]
    except ChangedRowError as error:
        return CheckVerdict.FAIL, f"{error}; see: cekalwatch-server rows check"
    active = [person for person in people if not person.barred]
    roles = {role for person in active for role in person.roles}
    missing = [
        role for role in (PersonRole.ADMINISTRATOR, PersonRole.SUPERVISOR, PersonRole.OFFICER) if role not in roles
    ]
    if missing:
        lacking = ", ".join(role.lower() for role in missing)
        return CheckVerdict.WARN, f"nobody is {lacking}: cekalwatch-server people add NAME --role ROLE"
    administrators = [person.sign_in_name for person in active if PersonRole.ADMINISTRATOR in person.roles]
    if len(administrators) == 1:
        return CheckVerdict.WARN, one_administrator(administrators[0])
    return CheckVerdict.OK, f"{len(active)} may sign in"
