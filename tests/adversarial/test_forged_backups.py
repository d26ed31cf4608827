"""Somebody who knows the public key of a backup's recipient, and makes a backup of a site of their own."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.secret_files import create_private
from cekalwatch.server.audit.checkpoints import SigningKey
from cekalwatch.server.backup.archive import AgeIdentity
from cekalwatch.server.backup.making import make_backup
from cekalwatch.server.cli.app import app
from cekalwatch.server.foundation.clock import SystemClock
from cekalwatch.server.settings.storage import BackupTerms
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.database import Database
from tests.support.builders.audit import signer
from tests.support.builders.keys import open_keys
from tests.support.scenarios.server import list_astronaut, settings

pytestmark = pytest.mark.slow


class Office:
    """Where the private key is, and where a site is to come back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.identity = AgeIdentity.new()
        self.key = folder / "usb.key"
        create_private(self.key, self.identity.text.encode())
        self.back = folder / "back"

    def backup_of(self, name: str, *, signed: bool) -> tuple[Path, str]:
        """A backup of a site to the office's public key, and the key of the site's audit trail."""
        out = self.folder / f"backups-{name}"
        out.mkdir()
        site = settings(self.folder / name, backup=BackupTerms((self.identity.public,), out))
        list_astronaut(site)
        with closing(Database(site.database_address)) as database:
            open_keys(database)
            if signed:
                signer(AuditStore(database), site.data_dir, SystemClock()).sign()
        if not signed:
            site.audit_key_file.unlink(missing_ok=True)
        made = make_backup(site, None, out, with_keys=True, now=SystemClock().now())
        return made.file, SigningKey.load_or_create(site.audit_key_file).public_key

    def restore(self, archive: Path, *options: str) -> Result:
        where = ("--identity", str(self.key), "--data-dir", str(self.back))
        return CliRunner().invoke(app, ["restore", str(archive), *where, *options])


def refused(done: Result) -> tuple[Exit, str]:
    assert isinstance(done.exception, ProgramError), done.output
    return done.exception.exit_code, str(done.exception)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


@pytest.mark.parametrize("signed", [False, True], ids=["unsigned", "signed by themselves"])
def test_a_forged_backup_is_restored_only_when_somebody_says_that_they_do_not_ask(office: Office, signed: bool) -> None:
    _, own = office.backup_of("own", signed=True)
    forged, theirs = office.backup_of("theirs", signed=signed)
    code, told = refused(office.restore(forged))
    assert (code, "Whose backup is it?" in told) == (Exit.USAGE, True)
    code, told = refused(office.restore(forged, "--signer", own))
    assert code is Exit.DATA_PROBLEMS
    assert f"signed by {theirs if signed else 'nobody'}, and not by who was named" in told
    assert refused(office.restore(forged, "--signer", ""))[0] is Exit.DATA_PROBLEMS
    assert not office.back.exists(), "nothing was written"
    taken = office.restore(forged, "--unsigned")
    assert taken.exit_code == Exit.OK, taken.output
    assert "Nobody compared who made the backup" in taken.output
    assert "is whole" not in taken.output


def test_the_sites_own_backup_comes_back_by_the_key_that_signed_it(office: Office) -> None:
    archive, own = office.backup_of("own", signed=True)
    for options in (("--unsigned", "--signer", own), ("--signer", "")):
        refused(office.restore(archive, *options))
    assert not office.back.exists()
    done = office.restore(archive, "--signer", own)
    assert done.exit_code == Exit.OK, done.output
    assert "The audit trail is whole" in done.output
