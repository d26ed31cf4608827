"""`backup` and `restore`: what comes back, who can read it, and what is refused before anything is written."""

from __future__ import annotations

import os
import re
import resource
import signal
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from typer.testing import CliRunner

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.backup.archive import AgeIdentity
from cekalwatch.server.backup.contents import BackupRecord, Manifest
from cekalwatch.server.backup.making import BackupMade, make_backup
from cekalwatch.server.backup.restoring import Restored, look, restore
from cekalwatch.server.cli.app import app
from cekalwatch.server.foundation.clock import SystemClock
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.settings.storage import BackupTerms
from cekalwatch.server.setup.checks.installation import check_backup
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.snapshots.snapshot import current_state
from tests.support.builders.audit import entry, signer
from tests.support.builders.keys import keyring, open_keys
from tests.support.scenarios.people import Office, person
from tests.support.scenarios.server import list_astronaut, settings
from tests.support.tools.disk_search import everything_written, of_text
from tests.support.tools.postgres import fresh_database

NOW = datetime(2026, 11, 26, 2, tzinfo=UTC)
DECREE = "KEP-77/D/Dip.4/11/2026"


class Site:
    """A site without a server: a listed person, people who work there, a signed trail, and somebody with a key."""

    def __init__(self, folder: Path, **options: object) -> None:
        self.folder = folder
        self.identity = AgeIdentity.new()
        self.out = folder / "backups"
        self.out.mkdir(parents=True)
        terms = BackupTerms((self.identity.public,), self.out)
        self.settings: ServerSettings = settings(folder / "data", backup=terms, **options)
        self.file = folder / "server.toml"
        self.file.write_text('log_level = "warning"\n')
        list_astronaut(self.settings)
        with closing(Database(self.settings.database_address)) as database:
            open_keys(database) if not database.is_shared else keyring(database, self.settings.master_key_source)
            Office(database).hire(person("adi", PersonRole.ADMINISTRATOR))
            signer(AuditStore(database), self.settings.data_dir, SystemClock()).sign()

    def back_up(self, *, with_keys: bool = True, now: datetime = NOW) -> BackupMade:
        return make_backup(self.settings, self.file, self.out, with_keys=with_keys, now=now)

    def elsewhere(self, **changed: object) -> ServerSettings:
        """Settings of an empty machine."""
        return self.settings.model_copy(update={"data_dir": self.folder / "restored"} | changed)

    def restore(self, archive: Path, target: ServerSettings, **options: object) -> Restored:
        usual = {"keys_from": None, "signers": None, "kept": (), "now": NOW + timedelta(days=1)}
        return restore(archive, self.identity, target, **usual | options)  # type: ignore[arg-type]  # by name

    def config(self) -> None:
        """Write the settings that a program of its own reads."""
        self.file.write_text(
            f'data_dir = "{self.settings.data_dir}"\n[backup]\nrecipients = ["{self.identity.public}"]\n'
            '[[sites]]\nsite = "batam-center"\n'
        )

    def change(self, statement: str) -> None:
        with closing(sqlite3.connect(self.settings.data_dir / "cekalwatch.sqlite3")) as connection, connection:
            connection.execute(statement)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def refusal(caught: pytest.ExceptionInfo[ProgramError]) -> tuple[Exit, str]:
    return caught.value.exit_code, str(caught.value)


def test_a_site_comes_back_with_its_rows_its_keys_and_a_whole_trail(site: Site) -> None:
    made = site.back_up()
    assert made.file.name == "cekalwatch-batam-center-20261126T020000Z.age"
    assert stat.S_IMODE(made.file.stat().st_mode) == 0o600
    target = site.elsewhere()
    found = site.restore(made.file, target)
    assert (found.problems, found.state.counts["subject"]) == ((), 1)
    assert found.entries == found.state.entries > 1
    before, after = site.settings.data_dir, target.data_dir
    for name in ("master.key", "audit_key.pem", "audit_ledger.sqlite3"):
        assert (after / name).read_bytes()[:100] == (before / name).read_bytes()[:100]
        assert stat.S_IMODE((after / name).stat().st_mode) == 0o600
    assert (after / "server.toml").read_text() == site.file.read_text()
    assert not list(after.glob(".*"))
    with closing(Database(target.database_address)) as database:
        assert Office(database).people.account("adi") is not None, "its row is sealed and signed with the same keys"
        last = list(AuditStore(database).links())[-1]
    assert (last.action, last.sequence) == (Action.BACKUP_RESTORED, found.entries + 1)
    assert "2026-11-26T02:00:00.000000Z" in last.details


def test_writers_go_on_and_the_backup_has_one_moment(site: Site) -> None:
    """Two tables are written together all the while; in the backup they agree, and nobody waited."""
    with closing(Database(site.settings.database_address)) as database:
        store = AuditStore(database)
        written = 0

        def write(_done: int, _total: int | None) -> None:
            nonlocal written
            written += 1
            store.append(entry(written))

        made = make_backup(site.settings, site.file, site.out, with_keys=True, now=NOW, progress=write)
        assert written > 0
        assert current_state(database).entries == made.manifest.database.entries + written
    assert made.manifest.database.counts["audit_entry"] == made.manifest.database.entries
    assert site.restore(made.file, site.elsewhere()).problems == ()


def test_only_the_owner_of_the_private_key_reads_it(site: Site, tmp_path: Path) -> None:
    made = site.back_up()
    with pytest.raises(ProgramError) as caught:
        restore(made.file, AgeIdentity.new(), site.elsewhere(), keys_from=None, signers=None, kept=(), now=NOW)
    assert refusal(caught)[0] is Exit.REFUSED
    assert not site.elsewhere().data_dir.exists()
    secret = (site.settings.data_dir / "master.key").read_text().strip()
    found = of_text(secret, everything_written(tmp_path))
    assert found == {str(site.settings.data_dir / "master.key")}


def test_nothing_in_the_clear_is_left_where_it_was_made(site: Site) -> None:
    before = {path.name for path in site.settings.data_dir.iterdir()}
    site.back_up()
    left = {path.name for path in site.settings.data_dir.iterdir()} - before
    assert {name for name in left if not name.endswith(("-wal", "-shm"))} == {"last_backup.json"}
    assert [path.suffix for path in site.out.iterdir()] == [".age"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits what a process writes like that")
@pytest.mark.parametrize("more", [-50_000, 1_000])
def test_a_full_disk_leaves_no_half_backup(site: Site, more: int) -> None:
    """The first limit stops the copy of the database, the second the archive, which has the keys beside it."""
    file = site.settings.data_dir / "cekalwatch.sqlite3"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    limit = file.stat().st_size + more
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        with pytest.raises(ProgramError) as caught:
            site.back_up()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert refusal(caught)[0] is Exit.UNAVAILABLE
    assert list(site.out.iterdir()) == []
    assert BackupRecord.load(site.settings.backup_record_file) is None


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.999])
def test_an_archive_that_was_cut_is_refused_before_anything_is_written(site: Site, share: float) -> None:
    made = site.back_up()
    made.file.write_bytes(made.file.read_bytes()[: int(made.size * share)])
    with pytest.raises(ProgramError) as caught:
        site.restore(made.file, site.elsewhere())
    assert refusal(caught)[0] is Exit.DATA_PROBLEMS
    assert not site.elsewhere().data_dir.exists()


@pytest.mark.parametrize("share", [0.001, 0.5, 0.9999])
def test_an_archive_that_was_changed_is_refused_before_anything_is_written(site: Site, share: float) -> None:
    made = site.back_up()
    content = bytearray(made.file.read_bytes())
    content[int(len(content) * share)] ^= 1
    made.file.write_bytes(content)
    with pytest.raises(ProgramError) as caught:
        site.restore(made.file, site.elsewhere())
    assert refusal(caught)[0] in {Exit.DATA_PROBLEMS, Exit.REFUSED}
    assert not site.elsewhere().data_dir.exists()


def test_a_folder_that_is_in_use_stays_as_it_is(site: Site) -> None:
    made = site.back_up()
    before = {path: path.read_bytes() for path in site.settings.data_dir.iterdir() if path.is_file()}
    with pytest.raises(ProgramError) as caught:
        site.restore(made.file, site.settings)
    assert "There is something in" in refusal(caught)[1]
    assert {path: path.read_bytes() for path in before} == before


def test_a_backup_with_other_rows_than_its_manifest_says_is_refused(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when somebody who has no key for what it holds put a manifest of their own before it."""
    made, read = site.back_up(), Manifest.read

    def says_one_entry_more(*parts: Any) -> Manifest:
        manifest = read(*parts)
        return replace(manifest, database=replace(manifest.database, entries=manifest.database.entries + 1))

    monkeypatch.setattr(Manifest, "read", says_one_entry_more)
    with pytest.raises(ProgramError, match="other rows than its manifest says"):
        site.restore(made.file, site.elsewhere())
    assert not (site.elsewhere().data_dir / "master.key").exists()


def test_a_backup_of_a_newer_version_is_refused(site: Site) -> None:
    site.change("UPDATE alembic_version SET version_num = '9999'")
    made = site.back_up()
    with pytest.raises(ProgramError) as caught:
        site.restore(made.file, site.elsewhere())
    assert refusal(caught)[0] is Exit.CONFIG
    assert "newer version" in refusal(caught)[1]
    assert not site.elsewhere().data_dir.exists()


def test_without_keys_it_says_so_and_takes_them_from_the_old_folder(site: Site) -> None:
    made = site.back_up(with_keys=False)
    assert any("master key" in one for one in made.manifest.not_included)
    bare = site.restore(made.file, site.elsewhere())
    assert any(one.startswith("the master key") for one in bare.lacking)
    target = site.elsewhere(data_dir=site.folder / "second")
    found = site.restore(made.file, target, keys_from=site.settings.data_dir)
    assert not any(one.startswith(("the master key", "the audit key")) for one in found.lacking)
    with closing(Database(target.database_address)) as database:
        assert Office(database).people.account("adi") is not None


def test_another_sites_master_key_is_refused(site: Site, tmp_path: Path) -> None:
    made = site.back_up(with_keys=False)
    other = Site(tmp_path / "other")
    with pytest.raises(ProgramError) as caught:
        site.restore(made.file, site.elsewhere(), keys_from=other.settings.data_dir)
    assert "does not open the database" in refusal(caught)[1]
    assert not site.elsewhere().data_dir.exists()


def test_keys_that_signed_later_say_what_is_gone(site: Site) -> None:
    """Only the ledger beside the key knows what came after the backup."""
    made = site.back_up(with_keys=False)
    with closing(Database(site.settings.database_address)) as database:
        AuditStore(database).append(*map(entry, range(1, 30)))
        signer(AuditStore(database), site.settings.data_dir, SystemClock()).sign()
    found = site.restore(made.file, site.elsewhere(), keys_from=site.settings.data_dir)
    assert any("missing at the end of the trail" in one for one in found.problems)


def test_an_auditors_file_must_be_of_the_same_server(site: Site, tmp_path: Path) -> None:
    from cekalwatch.server.audit.checkpoints import KeptCheckpoint

    made = site.back_up()
    other = Site(tmp_path / "other")
    for origin, well in ((site, True), (other, False)):
        with closing(Database(origin.settings.database_address)) as database:
            kept = [KeptCheckpoint(one) for one in AuditStore(database).checkpoints()]
        if well:
            assert site.restore(made.file, site.elsewhere(), kept=kept).problems == ()
        else:
            with pytest.raises(ProgramError) as caught:
                site.restore(made.file, site.elsewhere(data_dir=tmp_path / "third"), kept=kept)
            assert "not by who was named" in refusal(caught)[1]


def test_old_backups_of_the_site_go_and_others_stay(site: Site) -> None:
    strange = site.out / "cekalwatch-batam-20200101T000000Z.age"
    strange.write_bytes(b"another site's")
    kept = site.settings.model_copy(update={"backup": replace(site.settings.backup, keep=2)})
    files = [make_backup(kept, None, site.out, with_keys=False, now=NOW + timedelta(days=day)).file for day in range(3)]
    assert sorted(site.out.iterdir()) == sorted([strange, *files[1:]])


@pytest.mark.slow
def test_a_backup_that_is_killed_leaves_nothing_in_the_clear(site: Site) -> None:
    """It is killed while the copy of the database is there, as a machine that loses its power."""
    before = {path.name for path in site.settings.data_dir.iterdir()}
    site.config()
    killed = f"""
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from cekalwatch.server.backup.making import make_backup
from cekalwatch.server.settings.settings import ServerSettings
make_backup(
    ServerSettings.load(Path({str(site.file)!r})), None, Path({str(site.out)!r}), with_keys=True,
    now=datetime.now(UTC), progress=lambda done, total: os.kill(os.getpid(), signal.SIGKILL),
)
"""
    done = subprocess.run([sys.executable, "-c", killed], check=False, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    left = {path.name for path in site.settings.data_dir.iterdir()} - before
    assert {name for name in left if not name.endswith(("-wal", "-shm"))} == set()
    (draft,) = site.out.iterdir()
    assert draft.name.endswith(".age.part")
    os.utime(draft, (0, 0))
    made = site.back_up()
    assert list(site.out.iterdir()) == [made.file], "the next one tidies up"


def test_a_restore_that_was_killed_is_begun_anew(site: Site) -> None:
    made, target = site.back_up(), site.elsewhere()
    staging = target.data_dir / ".restoring"
    staging.mkdir(parents=True, mode=0o700)
    target.data_dir.chmod(0o700)
    (staging / "database").write_bytes(b"half of it")
    assert site.restore(made.file, target).problems == ()
    assert not staging.exists()


def test_check_says_how_old_the_last_backup_is(site: Site) -> None:
    assert "none was ever made" in check_backup(site.settings, NOW)[1]
    made = site.back_up()
    assert check_backup(site.settings, NOW + timedelta(hours=30))[0] == "OK"
    without = site.settings.model_copy(update={"backup": BackupTerms()})
    verdict, text = check_backup(without, NOW + timedelta(hours=30))
    assert (verdict, "set recipients and folder in [backup]" in text) == ("WARN", True), "an upgrade needs them"
    verdict, text = check_backup(site.settings, NOW - timedelta(days=30))
    assert (verdict, "by a clock that was ahead" in text) == ("WARN", True)
    verdict, text = check_backup(site.settings, NOW + timedelta(hours=40))
    assert (verdict, str(made.file) in text) == ("WARN", True)


def test_the_commands_of_a_person(site: Site, tmp_path: Path) -> None:
    key, run = tmp_path / "usb.key", CliRunner()
    told = run.invoke(app, ["backup-key", str(key)])
    public = next(line.split('"')[1] for line in told.output.splitlines() if "age1" in line)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    folder = ["--data-dir", str(site.settings.data_dir)]
    done = run.invoke(app, ["backup", "--to", str(site.out), "--recipient", public, "--with-keys", *folder])
    assert done.exit_code == Exit.OK, done.output
    assert "1 subjects, 1 orders" in done.output
    (archive,) = site.out.iterdir()
    looked = run.invoke(app, ["restore", str(archive), "--identity", str(key), "--look"])
    assert "It is complete in itself. Nothing was written." in looked.output
    (signer,) = re.findall(r"^Signed by: (\S+)\. Keep", done.output, re.MULTILINE)
    back = ["--data-dir", str(tmp_path / "back")]
    restored = run.invoke(app, ["restore", str(archive), "--identity", str(key), "--signer", signer, *back])
    assert restored.exit_code == Exit.OK, restored.output
    assert "What was done after that moment is gone" in restored.output
    assert run.invoke(app, ["audit", "verify", *back]).exit_code == Exit.OK


def test_a_backup_nobody_could_read_or_find_is_not_made(site: Site) -> None:
    nobody = site.settings.model_copy(update={"backup": BackupTerms()})
    with pytest.raises(ProgramError, match="name the public key of a recipient"):
        make_backup(nobody, None, site.out, with_keys=False, now=NOW)
    outcome = CliRunner().invoke(
        app, ["backup", "--to", str(site.out / "away"), "--data-dir", str(site.settings.data_dir)]
    )
    assert "is its disk there?" in str(outcome.exception)
    assert list(site.out.iterdir()) == []


@pytest.mark.slow
def test_a_site_on_postgresql_comes_back_into_an_empty_database(postgres: str, tmp_path: Path) -> None:
    with fresh_database(postgres) as first, fresh_database(postgres) as second:
        site = Site(tmp_path, database_url=first)
        made = site.back_up()
        assert look(made.file, site.identity).database.counts["subject"] == 1
        target = site.elsewhere(database_url=second)
        found = site.restore(made.file, target)
        assert found.problems == ()
        with closing(Database(second)) as database:
            came, left = (dict(one.counts) for one in (current_state(database), made.manifest.database))
            assert came.pop("audit_entry") == left.pop("audit_entry") + 1  # that it was restored
            assert came.pop("audit_index") > left.pop("audit_index")
            assert came == left
            with pytest.raises(sqlalchemy.exc.DBAPIError), database.engine.begin() as connection:
                connection.exec_driver_sql("DELETE FROM audit_entry")  # the triggers are back too
        with pytest.raises(ProgramError) as caught:
            site.restore(made.file, site.elsewhere(database_url=second, data_dir=tmp_path / "third"))
        assert "There is something in the database" in refusal(caught)[1]
        with pytest.raises(ProgramError) as caught:
            site.restore(made.file, site.elsewhere(database_url="", data_dir=tmp_path / "fourth"))
        assert "take the same kind" in refusal(caught)[1]
