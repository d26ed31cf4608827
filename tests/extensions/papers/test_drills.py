"""`drill`: a backup that is restored elsewhere, a device that is revoked, an outage that is watched; on real parts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from cekalwatch.extensions.papers.outage import Outage, WatchedServers, watch
from cekalwatch.extensions.papers.restore import RestoreDrill, drill_restore
from cekalwatch.extensions.papers.stolen_device import STREAM_LIMIT_S, StolenDevice, steal_device
from cekalwatch.extensions.papers.writing import Drill, drill_sheet
from cekalwatch.program.connection import open_dialer
from cekalwatch.program.documents.markdown import read_document
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.translations import Language
from cekalwatch.server.app import Server
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.backup.archive import AgeIdentity
from cekalwatch.server.backup.making import make_backup
from cekalwatch.server.cli.app import app
from cekalwatch.server.foundation.clock import SystemClock
from cekalwatch.server.pki.journal import PkiJournal
from cekalwatch.server.settings.storage import BackupTerms
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.wiring.data_folder import make_database
from tests.support.builders.audit import signer
from tests.support.builders.keys import open_keys
from tests.support.scenarios.server import list_astronaut, settings
from tests.support.scenarios.site_pki import SITE, Site
from tests.support.tools.packs import light_environment

NOW = datetime(2026, 11, 26, 2, tzinfo=UTC)


def backed_up(folder: Path) -> tuple[Any, Path, AgeIdentity, str]:
    """Settings of a site, a backup of it, the key that reads that, and the key that signed it."""
    identity, out = AgeIdentity.new(), folder / "backups"
    out.mkdir()
    chosen = Site(folder).settings(backup=BackupTerms((identity.public,), out, limit_hours=36))
    list_astronaut(chosen)
    with closing(Database(chosen.database_address)) as database:
        open_keys(database)
        signer(AuditStore(database), chosen.data_dir, SystemClock()).sign()
    file = folder / "server.toml"
    file.write_text('log_level = "warning"\n')
    made = make_backup(chosen, file, out, with_keys=True, now=NOW)
    return chosen, made.file, identity, made.manifest.signer


def held(folder: Path, after: timedelta) -> RestoreDrill:
    chosen, archive, identity, signed = backed_up(folder)
    beside = folder / "spare"
    beside.mkdir()
    before = sorted(chosen.data_dir.rglob("*"))
    drill = drill_restore(
        archive, identity, chosen, beside, keys_from=None, signers=frozenset({signed}), kept=(), now=NOW + after
    )
    assert sorted(chosen.data_dir.rglob("*")) == before, "the site that runs is not touched"
    assert list(beside.iterdir()) == [], "what was restored is gone"
    return drill


def test_a_restored_backup_is_timed_checked_and_removed(tmp_path: Path) -> None:
    drill = held(tmp_path, timedelta(hours=5))
    assert (drill.found.problems, drill.found.lacking) == ((), ())
    assert drill.passed
    assert drill.age == timedelta(hours=5)
    assert drill.found.entries == 1
    assert 0 < drill.seconds < 60
    for language, said in ((Language.EN, "5 hours"), (Language.ID, "5 jam")):
        table = read_document(drill_sheet(Drill.RESTORE, NOW, language, d=drill)).sections[0].table
        assert table
        assert table.rows[0][1] == said


def test_a_backup_that_is_too_old_does_not_pass(tmp_path: Path) -> None:
    drill = held(tmp_path, timedelta(hours=37))
    assert not drill.passed
    assert "**Not passed.**" in drill_sheet(Drill.RESTORE, NOW, Language.EN, d=drill)


def test_the_command_writes_sheets_and_says_whose_backup_it_refuses(tmp_path: Path) -> None:
    chosen, archive, identity, _ = backed_up(tmp_path)
    (tmp_path / "backup.key").write_text(identity.text)
    (tmp_path / "backup.key").chmod(0o600)
    words = ["drill", "restore", archive, "--identity", tmp_path / "backup.key", "--signer", "another"]
    words += ["--sheets", tmp_path / "sheets", "--in", tmp_path, "--data-dir", chosen.data_dir]
    told = CliRunner(env=light_environment()).invoke(app, [*map(str, words)])
    assert isinstance(told.exception, ProgramError)
    assert told.exception.exit_code == Exit.DATA_PROBLEMS
    assert not (tmp_path / "sheets").exists()
    assert not list(tmp_path.glob("drill-*"))


async def test_a_revoked_device_is_let_in_no_more_and_the_trail_has_it(tmp_path: Path) -> None:
    site = Site(tmp_path)
    chosen = site.settings()
    await asyncio.to_thread(make_database, chosen)
    async with Server(chosen) as server:
        address = f"127.0.0.1:{server.port}"

        def drill() -> StolenDevice:
            with PkiJournal(chosen.database_address) as journal:
                return steal_device(site.pki, journal, address, SITE, tmp_path / "drill", datetime.now(UTC))

        stolen = await asyncio.to_thread(drill)
    assert stolen.stream_s is not None
    assert stolen.refused_s is not None
    assert max(stolen.stream_s, stolen.refused_s) < STREAM_LIMIT_S + 20  # beside other tests
    with closing(Database(chosen.database_address)) as database:
        actions = [link.action for link in AuditStore(database).links() if "drill-" in link.objects]
    assert actions == [Action.CERTIFICATE_ISSUED, Action.CERTIFICATES_REVOKED]
    sheet = drill_sheet(Drill.DEVICE, NOW, Language.ID, d=stolen, limit_s=60, wanted_s=10)
    assert read_document(sheet).sections[0].table


async def test_an_outage_is_timed_while_no_server_recognises(tmp_path: Path) -> None:
    chosen = settings(tmp_path / "data")
    list_astronaut(chosen)
    heard: list[tuple[str, bool]] = []
    now: Callable[[], datetime] = SystemClock().now

    def tell(one: Outage, ended: bool) -> None:
        heard.append((one.reason, ended))

    def seen(address: str, until: Callable[[], bool]) -> WatchedServers:
        return watch([open_dialer(address, tmp_path / "none")], until, now, tell)

    async with Server(chosen) as server:
        address = f"127.0.0.1:{server.port}"
        watching = asyncio.create_task(asyncio.to_thread(seen, address, lambda: len(heard) == 2))
        await asyncio.sleep(1)
        assert heard == []
    while not heard:  # noqa: ASYNC110  # what happens in another thread
        await asyncio.sleep(0.1)
    async with Server(chosen.model_copy(update={"listen": address})):
        watched = await asyncio.wait_for(watching, 60)
    assert heard == [("UNAVAILABLE", False), ("UNAVAILABLE", True)]
    assert [one.reason for one in watched.outages] == ["UNAVAILABLE"]
    assert 0 < watched.longest_s <= watched.seconds
    sheet = drill_sheet(Drill.OUTAGE, now(), Language.EN, d=watched)
    table = read_document(sheet).sections[0].table
    assert table
    assert table.rows[0][1] == "UNAVAILABLE"
