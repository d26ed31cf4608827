"""What rots is a problem before it breaks: certificates, secrets, backups, the disk, and a server that died."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from cekalwatch.contract.values.alarms import AlarmKind, acknowledges
from cekalwatch.contract.values.people import KEEPS_SYSTEM
from cekalwatch.server.audit.entry import Action, Actor, ActorKind, AuditEntry
from cekalwatch.server.domain.alarms import AlarmCondition
from cekalwatch.server.domain.presence import ReportedRun, ServerRun
from cekalwatch.server.health.alarms.upkeep import (
    BackupAlarms,
    DeadServerAlarms,
    Ending,
    UpkeepAlarms,
)
from cekalwatch.server.storage.audit.search import AuditSearch
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.wiring.endings import endings_of
from cekalwatch.wire.identity import DeviceRole
from tests.support.scenarios.people import HandClock
from tests.support.scenarios.site_pki import Site, now

GB = 10**9
RUN = ServerRun("a", "server-1", "10.0.0.1:7443", "0.3.0", "m", {}, datetime(2026, 11, 1, tzinfo=UTC))


def conditions(rule: UpkeepAlarms | BackupAlarms | DeadServerAlarms) -> list[AlarmCondition]:
    found = rule.look()
    assert all(found.judged(*one.key) for one in found.conditions)
    assert all(acknowledges(one.kind) == KEEPS_SYSTEM for one in found.conditions)
    return list(found.conditions)


def upkeep(clock: HandClock, ends: Iterable[Ending] = (), free: int = 100 * GB) -> UpkeepAlarms:
    return UpkeepAlarms("main", lambda: ends, lambda: (1000 * GB, free), clock)


@pytest.mark.parametrize(
    ("days", "band"), [(31, None), (29.9, "30"), (7.1, "30"), (6.9, "7"), (1.1, "7"), (0.9, "1"), (-5, "1")]
)
def test_an_end_is_a_problem_of_its_own_30_7_and_1_days_before(days: float, band: str | None) -> None:
    clock = HandClock()
    until = clock.now() + timedelta(days=days)
    rule = upkeep(clock, [Ending("certificate", until, "cekalwatch-server pki renew --role server --name main")])
    assert [one.about for one in conditions(rule)] == ([f"main: certificate / {band}"] if band else [])
    for one in conditions(rule):
        assert one.kind is AlarmKind.RUNS_OUT
        assert one.details["until"] == until.isoformat(timespec="seconds")
        assert one.details["command"] == "cekalwatch-server pki renew --role server --name main"
    assert not rule.look().judged(AlarmKind.RUNS_OUT, "other: certificate / 7"), "another server's are its own"


def test_certificates_of_server_devices_and_named_files_and_days_of_secrets_are_looked_at(tmp_path: Path) -> None:
    site = Site(tmp_path)
    old = now() - timedelta(days=380)
    for name in ("officer-1", "officer-2"):
        site.device(DeviceRole.NOTIFIER, name, issued_at=old)
    source = site.device(DeviceRole.DIAGNOSTICS, "source", issued_at=now() - timedelta(days=395)).folder
    secret = tmp_path / "oidc"
    secret.write_text("secret")
    secret.chmod(0o600)
    settings = site.settings(
        openid={"issuer": "https://id.example", "client_id": "c", "client_secret_file": str(secret)},
        secret_ends={"openid.client_secret_file": date(2026, 12, 24)},
        watchlist={"source": {"kind": "http", "address": "https://a.example/", "access": {"client_tls": str(source)}}},
    )
    found = {one.what: one for one in endings_of(settings, now())}
    assert found.keys() == {
        "certificate",
        "authority",
        "3 devices, first diagnostics batam-center/source",
        "watchlist.source.access.client_tls/certificate.pem",
        "openid.client_secret_file",
    }
    assert found["openid.client_secret_file"].until == datetime(2026, 12, 24, tzinfo=UTC)
    assert "pki renew --role diagnostics" in found["3 devices, first diagnostics batam-center/source"].command
    assert found["watchlist.source.access.client_tls/certificate.pem"].until < now() + timedelta(days=7)


def test_a_disk_that_will_be_full_within_days_is_a_problem_and_one_that_fills_slowly_is_none() -> None:
    clock = HandClock()
    free = [500 * GB]
    rule = UpkeepAlarms("main", lambda: (), lambda: (1000 * GB, free[0]), clock)
    for _ in range(24):
        assert conditions(rule) == []
        clock.go(hours=1)
        free[0] -= GB  # 24 GB a day: three weeks
    for _ in range(24):
        rule.look()
        clock.go(hours=1)
        free[0] -= 10 * GB
    (filling,) = conditions(rule)
    assert (filling.kind, filling.about) == (AlarmKind.DISK_FILLING, "main: disk")
    assert 0 < float(filling.details["days"]) < 2
    free[0] += 400 * GB
    assert conditions(rule) == []


def test_a_disk_that_is_nearly_full_is_a_problem_at_once() -> None:
    assert [one.kind for one in conditions(upkeep(HandClock(), free=10 * GB))] == [AlarmKind.DISK_FILLING]
    assert conditions(upkeep(HandClock(), free=0)) != []
    unknown = UpkeepAlarms("main", lambda: (), lambda: (0, 0), HandClock())
    assert conditions(unknown) == [], "a disk that cannot be read is not full"


def test_a_database_without_a_young_backup_is_a_problem_until_one_is_made(tmp_path: Path) -> None:
    clock, actor = HandClock(), Actor(ActorKind.COMMAND, "test")
    with closing(Database(f"sqlite:///{tmp_path / 'test.sqlite3'}")) as database:
        database.upgrade()
        store = AuditStore(database)
        rule = BackupAlarms(AuditSearch(database), store, clock, timedelta(hours=36))
        assert conditions(rule) == [], "nothing is in it"
        store.append(AuditEntry(clock.now(), actor, Action.SYNC_REQUESTED))
        clock.go(hours=35)
        assert conditions(rule) == []
        clock.go(hours=2)
        (never,) = conditions(rule)
        assert (never.kind, never.details) == (AlarmKind.BACKUP_OLD, {"hours": "36"})
        store.append(AuditEntry(clock.now(), actor, Action.BACKUP_MADE))
        assert conditions(rule) == []
        made_at = clock.now()
        clock.go(hours=37)
        (old,) = conditions(rule)
        assert old.details["since"] == made_at.isoformat(timespec="seconds")


def test_a_server_that_died_is_a_problem() -> None:
    dead = ReportedRun(RUN, datetime(2026, 11, 3, tzinfo=UTC), False, None, {}, {})
    (found,) = conditions(DeadServerAlarms(lambda: [dead]))
    assert found.key == (AlarmKind.SERVER_DEAD, "server-1")
    assert found.details == {"since": "2026-11-03T00:00:00+00:00", "address": "10.0.0.1:7443"}
    assert conditions(DeadServerAlarms(list)) == []
