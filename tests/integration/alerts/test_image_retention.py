"""Images of cleared alerts leave the disk: the database's files are searched byte for byte."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from cekalwatch.contract.values.adjudication import Outcome, Reason
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.program.errors import ProgramError
from cekalwatch.server.alerts.retention import ImageReport
from cekalwatch.server.app import Server
from cekalwatch.server.audit.entry import Action, Actor, ActorKind
from cekalwatch.server.domain.orders.law import Checkpoints
from cekalwatch.server.domain.orders.law_table import Law
from cekalwatch.server.domain.retention import RetentionPolicy
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.alerts.tables import ProbeRow
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.watchlist.tables import SubjectRow
from cekalwatch.server.watchlist.erasure import SubjectEraser
from tests.support.builders.alerts import NOON, capture, match
from tests.support.builders.keys import keyring
from tests.support.builders.watchlist import WIB, FixedClock
from tests.support.scenarios.adjudication import Counter, contact
from tests.support.scenarios.server import settings

PIECE = 64
"""Bytes of a picture that are looked for: a whole one may be spread over pages of the file."""


def sealed_probe(database: Database, alert_id: UUID) -> bytes:
    """What is stored of an alert's probe; sealed bytes occur nowhere else."""
    with database.session() as session:
        row = session.get(ProbeRow, str(alert_id))
        assert row is not None
        return row.jpeg


def sealed_facts(database: Database, subject_id: str) -> bytes:
    """What is stored of a subject's particulars."""
    with database.session() as session:
        row = session.get(SubjectRow, subject_id)
        assert row is not None
        return row.facts


def on_disk(folder: Path, jpeg: bytes) -> list[str]:
    """The files in which a piece of the picture stands."""
    pieces = [jpeg[start : start + PIECE] for start in range(0, len(jpeg) - PIECE, PIECE)]
    files = {file.name: file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}
    return [name for name, data in files.items() if any(piece in data for piece in pieces)]


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


def test_after_a_sweep_no_file_holds_a_cleared_picture_and_the_others_stay(tmp_path: Path, clock: FixedClock):
    database = Database(f"sqlite:///{tmp_path / 'data.sqlite3'}")
    database.upgrade()
    counter = Counter(database, clock)
    counter.list_subject()
    budi = counter.hire("budi", PersonRole.OFFICER)
    pictures = {}
    for number in range(3):
        seen = capture(passage=str(number), at=NOON + timedelta(minutes=number), jpeg=b"a face" * 5000)
        event = counter.alerts.record(match(seen), timedelta(0), NOON)
        assert event is not None
        pictures[event.alert_id] = sealed_probe(database, event.alert_id)
    cleared, closed, open_ = pictures
    for alert_id in (cleared, closed):
        counter.claim(alert_id, budi)
        counter.judge(alert_id, budi, Outcome.NOT_SAME_PERSON, Reason.FACE_DIFFERS)
    counter.adjudicator.close(closed, budi, counter.version(closed))
    assert all(on_disk(tmp_path, jpeg) for jpeg in pictures.values())

    clock.advance(timedelta(hours=12))
    sweeper = counter.sweeper()
    assert sweeper.sweep_images() == ImageReport(cleared=2, confirmed=0)
    assert clock.now() - NOON < timedelta(hours=24)
    assert on_disk(tmp_path, pictures[cleared]) == []
    assert on_disk(tmp_path, pictures[closed]) == []
    assert counter.alerts.probe(open_) == b"a face" * 5000
    assert [one.outcome for one in counter.audit.links() if one.action == Action.RETENTION_SWEPT] == ["OK"]
    database.close()


def test_after_the_limits_no_file_holds_an_unsettled_picture_nor_a_subject_whose_orders_ended(
    tmp_path: Path, clock: FixedClock
):
    database = Database(f"sqlite:///{tmp_path / 'data.sqlite3'}")
    database.upgrade()
    counter = Counter(database, clock)
    counter.list_subject("S-1", until=date(2026, 3, 1))
    event = counter.alerts.record(match(capture(jpeg=b"a face" * 5000)), timedelta(0), NOON)
    assert event is not None
    probe, facts = sealed_probe(database, event.alert_id), sealed_facts(database, "S-1")
    assert on_disk(tmp_path, probe)
    assert on_disk(tmp_path, facts)

    policy = RetentionPolicy()
    clock.advance(policy.unsettled_images)
    assert counter.sweeper().sweep_unsettled_images() == 1
    assert on_disk(tmp_path, probe) == []
    assert on_disk(tmp_path, facts)

    clock.advance(policy.ended_subjects - policy.unsettled_images + timedelta(days=1))
    checkpoints = Checkpoints(Law(), {"batam-center": WIB})
    eraser = SubjectEraser(
        counter.watchlist, checkpoints, clock, Actor(ActorKind.SERVER, "test"), policy.ended_subjects
    )
    assert eraser.erase() == 1
    assert on_disk(tmp_path, facts) == []
    database.close()


@pytest.mark.slow
async def test_a_server_sweeps_soon_after_its_start_however_long_it_was_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("cekalwatch.server.wiring.alerts.SWEEP_IMAGES_PERIOD_S", 0.05)
    chosen: ServerSettings = settings(tmp_path)
    database = Database(chosen.database_address)
    database.upgrade()
    keys = keyring(database, chosen.master_key_source)
    counter = Counter(database, FixedClock(NOON), keys=keys)  # long ago, by the machine's clock
    counter.list_subject()
    budi = counter.hire("budi", PersonRole.OFFICER)
    alert_id = counter.raise_alert()
    counter.claim(alert_id, budi)
    counter.judge(alert_id, budi, Outcome.NOT_SAME_PERSON, Reason.FACE_DIFFERS)
    assert counter.alerts.probe(alert_id)
    async with asyncio.timeout(60), Server(chosen):
        while counter.alerts.probe(alert_id):  # noqa: ASYNC110  # another thread's work, which nothing announces
            await asyncio.sleep(0.02)
    database.close()


@pytest.mark.parametrize("hours", [24, 0, -1])
def test_no_setting_keeps_cleared_pictures_for_a_day(tmp_path: Path, hours: float):
    with pytest.raises(ProgramError):
        settings(tmp_path, cleared_image_retention_hours=hours)


def test_what_people_wrote_is_on_the_disk_for_nobody_to_read(tmp_path: Path, clock: FixedClock):
    database = Database(f"sqlite:///{tmp_path / 'data.sqlite3'}")
    database.upgrade()
    counter = Counter(database, clock)
    counter.list_subject()
    budi, siti = counter.hire("budi", PersonRole.OFFICER), counter.hire("siti", PersonRole.SUPERVISOR)
    alert_id = counter.raise_alert()
    counter.claim(alert_id, budi)
    counter.judge(alert_id, budi, note="parut di dahi")
    counter.confirm(alert_id, siti, "CO-9926/0117", note="sama orangnya")
    told = contact(siti, result="dijemput dua petugas")
    done = counter.adjudicator.follow_up(alert_id, siti, told, counter.version(alert_id))
    assert [one.note for one in done.handling.findings] == ["parut di dahi", "sama orangnya"]
    written = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    database.close()
    for text in ("parut di dahi", "sama orangnya", "CO-9926", told.agency, told.contact, told.result):
        assert text.encode() not in written
    assert str(alert_id).encode() in written, "the files were looked through"
