"""`cekalwatch-server watchlist list | show | history` on a database as it is, and what the audit trail says of it."""

from __future__ import annotations

import csv
import getpass
import io
import json
import stat
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from cekalwatch.contract.values.orders import OrderKind, PersonStatus, RevocationGround
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.audit.alert_entries import deletion_entry
from cekalwatch.server.audit.entry import Action, Link, operator
from cekalwatch.server.cli.app import app
from cekalwatch.server.domain.orders.ban_order import BanOrder
from cekalwatch.server.domain.orders.law_table import Law
from cekalwatch.server.recognition.enrolment import Enroller
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.watchlist.record_store import NewReference
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from cekalwatch.server.watchlist.imports.import_run import ImportRun
from cekalwatch.server.watchlist.imports.importer import WatchlistImporter
from cekalwatch.server.watchlist.imports.records import ImportRecord
from cekalwatch.vision.manifest import load_pack
from tests.support.builders.audit import OFFICER
from tests.support.builders.keys import keyring
from tests.support.builders.watchlist import WIB, FixedClock, alone, figures, order, reference, subject
from tests.support.scenarios.server import engine, settings
from tests.support.tools.importing import enrolling_threads, import_one
from tests.support.tools.packs import light_environment, light_pack

TODAY = datetime.now(UTC).date()
RUNNER = CliRunner(env={"COLUMNS": "240"} | light_environment())
FORMULA = "=HYPERLINK(1)"


class Office:
    """The watchlist of an office, and the commands on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.chosen: ServerSettings = settings(folder)
        self.database = Database(self.chosen.database_address)
        self.database.upgrade()
        self.store = WatchlistStore(self.database, keyring(self.database, self.chosen.master_key_source))
        self.audit = AuditStore(self.database)

    def run(self, *arguments: str) -> str:
        result = RUNNER.invoke(app, ["watchlist", *arguments, "--data-dir", str(self.folder)], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    def listed(self, *arguments: str) -> list[str]:
        found = json.loads(self.run("list", "--format", "json", *arguments))
        return [one["subject"]["subject_id"] for one in found]

    def entries(self, action: Action) -> list[Link]:
        return [link for link in self.audit.links() if link.action == action]

    def put(self, key: str, ban: BanOrder, *faces: NewReference, **facts: Any) -> None:
        self.store.put(subject(key, **facts), ban, faces)


def running_order(order_id: str, key: str, **facts: Any) -> BanOrder:
    """An order from ten days ago to in ten days."""
    around = {
        "valid_from": TODAY - timedelta(days=10),
        "valid_until": TODAY + timedelta(days=10),
        "received_on": TODAY - timedelta(days=10),
    }
    return order(order_id, subject_id=key, **around | facts)


def face(photo: bytes, direction: int, **facts: Any) -> NewReference:
    template = np.eye(512, dtype=np.float32)[direction]
    return reference(photo, template=template, **{"model_version": load_pack(light_pack()).model_version} | facts)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """Six subjects, each with something of its own."""
    one = Office(tmp_path)
    one.put("S-1", running_order("O-1", "S-1"), face(b"1", 1), name="Contoh Satu", aliases=("Si Dadap",))
    one.put("S-2", order("O-2", subject_id="S-2", valid_from=date(2020, 1, 1), valid_until=date(2020, 6, 1)))
    one.put("S-3", running_order("O-3", "S-3", kind=OrderKind.TANGKAL), face(b"3", 1))
    foreign = running_order("O-4", "S-4", kind=OrderKind.TANGKAL, requesting_agency="Direktorat  Jenderal Imigrasi")
    one.put("S-4", foreign, face(b"4", 4, figures=figures(40), warnings=("BLURRED",)), nationality="DEU")
    one.put("S-5", running_order("O-5", "S-5"), face(b"5", 5, model_version="an-old-model"), name=FORMULA)
    one.put("S-6", running_order("O-6", "S-6", valid_from=TODAY + timedelta(days=3)))
    yield one
    one.database.close()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), ["S-1", "S-2", "S-3", "S-4", "S-5", "S-6"]),
        (("--status", "active"), ["S-1", "S-4", "S-5"]),
        (("--status", "LAPSED"), ["S-2"]),
        (("--kind", "tangkal"), ["S-3", "S-4"]),
        (("--agency", "jenderal imigrasi"), ["S-4"]),
        (("--kind", "cegah", "--agency", "jenderal imigrasi"), []),
        (("--name", "dadap"), ["S-1"]),
        (("--subject", "S-3"), ["S-3"]),
        (("--only", "invalid"), ["S-3"]),
        (("--only", "no-reference"), ["S-2", "S-6"]),
        (("--only", "stale-model"), ["S-5"]),
        (("--valid-on", "2020-03-01"), ["S-2"]),
        (("--valid-on", str(TODAY + timedelta(days=5))), ["S-1", "S-4", "S-5", "S-6"]),
        (("--valid-on", str(TODAY + timedelta(days=11)), "--status", "lapsed"), ["S-1", "S-2", "S-4", "S-5", "S-6"]),
        (("--limit", "2"), ["S-1", "S-2"]),
        (("--limit", "2", "--after", "S-2"), ["S-3", "S-4"]),
        (("--limit", "2", "--status", "active", "--after", "S-1"), ["S-4", "S-5"]),
    ],
)
def test_filters_choose_subjects(office: Office, arguments: tuple[str, ...], expected: list[str]) -> None:
    assert office.listed(*arguments) == expected


def test_an_order_that_is_renewed_for_too_long_is_found_and_stays_in_force(office: Office) -> None:
    for number in range(4):
        first = TODAY - timedelta(days=150 * (3 - number) + 100)
        days = {"valid_from": first, "valid_until": first + timedelta(days=149)}
        office.put("S-7", running_order(f"O-7{number}", "S-7", **days, received_on=first, decree_date=first))
    assert office.listed("--only", "flagged") == ["S-2", "S-6", "S-7"], "the decrees of S-2 and S-6 are of another year"
    chosen = ("--only", "flagged", "--subject", "S-7")
    assert office.listed(*chosen, "--status", "active") == ["S-7"]
    assert "ACTIVE RENEWED_TOO_LONG" in " ".join(office.run("show", "S-7").split())
    rows = list(csv.DictReader(io.StringIO(office.run("list", *chosen, "--format", "csv"))))
    # Those that had ended when they were stored are doubted for that, too.
    assert {row["flags"].split()[0] for row in rows} == {"RENEWED_TOO_LONG"}


def test_a_revoked_order_says_by_what_it_ended_in_every_form(office: Office) -> None:
    revoked = running_order(
        "O-7",
        "S-7",
        revoked_at=datetime.now(UTC) - timedelta(hours=1),
        revocation_ground=RevocationGround.ACQUITTAL,
        revocation_reference="7/Pid.B/2026",
        person_status=PersonStatus.DEFENDANT,
    )
    office.put("S-7", revoked)
    assert "REVOKED ACQUITTAL 7/Pid.B/2026" in " ".join(office.run("show", "S-7").split())
    assert "ACQUITTAL" in office.run("list", "--subject", "S-7")
    (row,) = csv.DictReader(io.StringIO(office.run("list", "--subject", "S-7", "--format", "csv")))
    assert (row["revocation_ground"], row["revocation_reference"]) == ("ACQUITTAL", "7/Pid.B/2026")
    assert (row["person_status"], row["ground"], row["references"]) == ("DEFENDANT", "", "0")
    ((found,),) = (one["orders"] for one in json.loads(office.run("list", "--subject", "S-7", "--format", "json")))
    assert (found["person_status"], found["revocation_ground"]) == ("DEFENDANT", "ACQUITTAL")


def test_agencies_are_listed_put_and_removed(office: Office) -> None:
    office.run("agencies", "put", "dinas", "Dinas Contoh", "--also", "Dinas", "--also", "Dinas Umpama")
    listed = {one["code"]: one for one in json.loads(office.run("agencies", "list", "--json"))}
    mark = listed["DINAS"].pop("mark")
    assert listed["DINAS"] == {
        "code": "DINAS",
        "name": "Dinas Contoh",
        "other_names": ["Dinas", "Dinas Umpama"],
        "shipped": False,
    }
    assert listed["KEJAGUNG"]["shipped"]
    assert "Dinas Umpama" in office.run("agencies", "list")
    for late in (("put", "DINAS", "Dinas"), ("remove", "DINAS", "--seen", "0123456789abcdef")):
        with pytest.raises(ProgramError, match="Somebody else has changed this agency"):
            office.run("agencies", *late)
    office.run("agencies", "put", "DINAS", "Dinas Contoh", "--seen", mark)
    (mark,) = (one["mark"] for one in json.loads(office.run("agencies", "list", "--json")) if one["code"] == "DINAS")
    office.run("agencies", "remove", "DINAS", "--seen", mark)
    assert "DINAS" not in office.run("agencies", "list")
    assert [link.objects for link in office.entries(Action.AGENCY_PUT)] == 2 * ['["agency:DINAS"]']
    for arguments, code in (
        (("remove", "DINAS", "--seen", mark), Exit.NO_INPUT),
        (("put", "X Y", "Dinas"), Exit.USAGE),
    ):
        with pytest.raises(ProgramError) as caught:
            office.run("agencies", *arguments)
        assert caught.value.exit_code is code


def test_a_page_says_where_to_go_on(office: Office) -> None:
    told = RUNNER.invoke(app, ["watchlist", "list", "--limit", "2", "--data-dir", str(office.folder)])
    assert "--after S-2" in told.stderr
    end = RUNNER.invoke(app, ["watchlist", "list", "--limit", "6", "--data-dir", str(office.folder)])
    assert "--after" not in end.stderr


def test_each_look_is_recorded_with_who_looked_and_whom_they_saw(office: Office) -> None:
    office.listed("--status", "active")
    office.run("show", "S-4")
    (listed,) = office.entries(Action.SUBJECTS_LISTED)
    assert listed.actor == f"command:{getpass.getuser()}"
    assert json.loads(listed.objects) == ["subject:S-1", "subject:S-4", "subject:S-5"]
    (viewed,) = office.entries(Action.SUBJECT_VIEWED)
    assert json.loads(viewed.objects) == ["subject:S-4"]
    assert json.loads(viewed.details) == {"pictures": 0}


def test_a_spreadsheet_gets_no_formula(office: Office) -> None:
    rows = list(csv.DictReader(io.StringIO(office.run("list", "--format", "csv", "--subject", "S-5"))))
    assert [row["name"] for row in rows] == [f"'{FORMULA}"]
    assert (rows[0]["order_id"], rows[0]["status"], rows[0]["references"]) == ("O-5", "ACTIVE", "1")


def test_the_table_says_what_a_keeper_must_know(office: Office) -> None:
    table = office.run("list")
    for expected in ("Contoh Satu", "INVALID TANGKAL_ON_CITIZEN", "1, 1 stale", "LAPSED", "TANGKAL"):
        assert expected in table


def test_a_narrow_terminal_cuts_nothing_off(office: Office) -> None:
    narrow = CliRunner(env={"COLUMNS": "80"} | light_environment())
    for arguments in (("list",), ("show", "S-4"), ("history", "S-3")):
        told = narrow.invoke(app, ["watchlist", *arguments, "--data-dir", str(office.folder)], catch_exceptions=False)
        assert "…" not in told.stdout
    assert (
        str(TODAY - timedelta(days=10))
        in narrow.invoke(app, ["watchlist", "list", "--data-dir", str(office.folder)]).stdout
    )


def test_show_tells_all_that_an_order_states(office: Office) -> None:
    office.put("S-7", running_order("O-7", "S-7", reason="penyidikan", decree_number="KEP-7", urgent=True))
    shown = office.run("show", "S-7")
    for expected in ("penyidikan", "KEP-7", "Kejaksaan Agung", "ACTIVE"):
        assert expected in shown
    assert "revoked_at" not in shown


def test_a_subject_whose_orders_are_another_persons_now_is_listed(office: Office) -> None:
    office.put("S-8", running_order("O-1", "S-8"))
    assert "Contoh Satu" in office.run("list", "--subject", "S-1")


def test_show_tells_figures_warnings_and_who_else_has_such_a_face(office: Office) -> None:
    shown = json.loads(office.run("show", "S-1", "--format", "json"))
    (photograph,) = shown["references"]
    assert photograph["also_under"] == ["S-3"]
    assert photograph["figures"]["detector_score"] == pytest.approx(0.99)
    table = office.run("show", "S-4")
    assert "eyes 40 px" in table
    assert "BLURRED" in table
    assert "jpg" not in table


def test_photographs_are_written_only_when_asked_for_and_for_nobody_else(office: Office, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    office.run("show", "S-1")
    assert not folder.exists()
    office.run("show", "S-1", "--photo", str(folder))
    (file,) = folder.iterdir()
    assert file.read_bytes() == b"face of 1"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert json.loads(office.entries(Action.SUBJECT_VIEWED)[-1].details) == {"pictures": 1}


@pytest.mark.parametrize("command", ["show", "history"])
def test_somebody_who_is_not_listed_is_said_to_be_so_and_not_recorded(office: Office, command: str) -> None:
    arguments = ["watchlist", command, "Contoh Satu", "--data-dir", str(office.folder)]
    with pytest.raises(ProgramError) as caught:
        RUNNER.invoke(app, arguments, catch_exceptions=False)
    assert caught.value.exit_code is Exit.NO_INPUT
    assert office.entries(Action.SUBJECT_VIEWED) == []


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(ProgramError) as caught:
        RUNNER.invoke(app, ["watchlist", "list", "--data-dir", str(tmp_path / "none")], catch_exceptions=False)
    assert caught.value.exit_code is Exit.NO_INPUT
    assert not (tmp_path / "none").exists()


def test_the_history_tells_changes_by_their_fields_deletion_and_statuses(office: Office) -> None:
    clock = FixedClock(datetime(2026, 1, 1, 5, 0, tzinfo=UTC))
    recogniser = engine().recogniser
    importer = WatchlistImporter(
        office.store,
        Enroller(engine().detector, recogniser),
        clock,
        WIB,
        Law(),
        alone(recogniser.model_version, recogniser.size),
    )
    run = ImportRun(importer, office.store, office.audit, clock, OFFICER, enrolling_threads())
    person = subject("S-9", name="Contoh Sembilan")
    import_one(run, ImportRecord(person, order("O-9", subject_id="S-9")))
    clock.advance(timedelta(days=40))
    shorter = order("O-9", subject_id="S-9", valid_until=date(2026, 5, 31), revoked_at=clock.now())
    import_one(run, ImportRecord(subject("S-9", name="Contoh Lain"), shorter))

    found = json.loads(office.run("history", "S-9", "--format", "json"))
    first, second = found["events"]
    assert (first["at"], first["action"], first["outcome"]) == (
        "2026-01-01T05:00:00.000000Z",
        "ORDER_IMPORTED",
        "STORED",
    )
    assert "changed" not in first["details"]
    assert set(second["details"]["changed"].split()) == {"name", "valid_until", "revoked_at"}
    assert "Contoh" not in json.dumps(found), "which fields changed, and nothing of what they hold"
    assert [(turn["from"], turn["status"]) for turn in found["statuses"]["O-9"]] == [
        (None, "NOT_YET_VALID"),
        ("2026-01-01 00:00:00+07:00", "ACTIVE"),
        ("2026-02-10 12:00:00+07:00", "REVOKED"),
    ]
    assert json.loads(office.entries(Action.SUBJECT_VIEWED)[-1].objects) == ["subject:S-9"]

    import_one(run, ImportRecord(subject("S-10"), order("O-9", subject_id="S-10")))
    for key in ("S-9", "S-10"):
        moved = json.loads(office.run("history", key, "--format", "json"))["events"][-1]
        assert moved["objects"] == ["order:O-9", "subject:S-10", "subject:S-9"]
    import_one(run, ImportRecord(person, order("O-9", subject_id="S-9")))

    office.store.delete_subject(
        "S-9", lambda gone: deletion_entry(operator(), clock.now(), "S-9", gone.order_ids, photographs=0)
    )
    rows = list(csv.DictReader(io.StringIO(office.run("history", "S-9", "--format", "csv"))))
    assert [row["what"] for row in rows] == [*["ORDER_IMPORTED"] * 4, "SUBJECT_DELETED"]
    assert "2026-02-10" in office.run("history", "S-9")
