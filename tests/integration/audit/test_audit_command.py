"""`cekalwatch-server audit` as a person runs it, on a trail that is whole and on one that is not."""

from __future__ import annotations

import csv
import getpass
import json
import os
import stat
import subprocess
from pathlib import Path

import pytest

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.program.errors import Exit
from cekalwatch.server.audit.checkpoints import SigningKey
from cekalwatch.server.foundation.clock import SystemClock
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.database import Database
from tests.support.builders.audit import entry, signer
from tests.support.builders.watchlist_folder import row, write_orders
from tests.support.scenarios.audit_forger import Forger
from tests.support.scenarios.people import OTHER_PASSWORD, PASSWORD, Office, person
from tests.support.tools.packs import light_environment
from tests.support.tools.programs import empty_site, run_program


class Trail:
    """A trail of 20 entries in a folder, with a checkpoint at the tenth."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = Database(f"sqlite:///{folder / 'cekalwatch.sqlite3'}")
        self.database.upgrade()
        self.store = AuditStore(self.database)
        self.key = folder / "audit_key.pem"
        self.store.append(*map(entry, range(1, 11)))
        signer(self.store, folder, SystemClock()).sign()
        self.store.append(*map(entry, range(11, 21)))

    def run(self, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        return run_program("server", "audit", *arguments, "--data-dir", self.folder, typed=typed)

    def export(self, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        """Export with the signatures of an auditor and an administrator, or with what is `typed`."""
        self.hire()
        return self.run("export", *arguments, typed=typed or signed("umi", "adi"))

    def hire(self) -> None:
        """An auditor, umi, and an administrator, adi."""
        office = Office(self.database, SystemClock())  # type: ignore[arg-type]  # its clock needs not be set
        if not office.people.all():
            office.hire(person("umi", PersonRole.AUDITOR))
            office.hire(person("adi", PersonRole.ADMINISTRATOR))

    def tamper(self, *statements: str) -> None:
        with self.database.engine.begin() as connection:
            triggers = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
            for name in connection.exec_driver_sql(triggers).scalars().all():
                connection.exec_driver_sql(f"DROP TRIGGER {name}")
            for statement in statements:
                assert connection.exec_driver_sql(statement).rowcount > 0


def signed(*names: str, password: str = PASSWORD) -> str:
    """What people of these names type."""
    return "".join(f"{name}\n{password}\n" for name in names)


@pytest.fixture
def trail(tmp_path: Path) -> Trail:
    return Trail(tmp_path / "data")


@pytest.mark.slow
def test_a_whole_trail_is_verified(trail: Trail):
    done = trail.run("verify")
    assert done.returncode == Exit.OK, done.stderr
    assert "whole: 20 entries, signed up to entry 10" in done.stdout
    assert "Verifying" in done.stderr
    assert SigningKey.load(trail.key).public_key in done.stdout


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE audit_entry SET outcome = 'x' WHERE sequence = 7", "entry 7 was changed"),
        ("UPDATE audit_entry SET details = x'ff00' WHERE sequence = 7", "entry 7 was changed"),
        ("DELETE FROM audit_entry WHERE sequence BETWEEN 3 AND 5", "entries 3 to 5 are missing"),
        ("DELETE FROM audit_entry WHERE sequence > 18", "entries 19 to 20 are missing at the end"),
        ("UPDATE audit_checkpoint SET sequence = 9", "its signature is wrong"),
        ("UPDATE audit_checkpoint SET at = 'earlier'", "its signature is wrong"),
    ],
)
def test_tampering_is_named(trail: Trail, statement: str, told: str):
    trail.tamper(statement)
    done = trail.run("verify")
    assert done.returncode == Exit.DATA_PROBLEMS
    assert "TAMPERED" in done.stdout
    assert told in done.stdout


def test_a_tail_that_was_cut_with_care_is_found_by_the_checkpoint(trail: Trail):
    """The head of the trail is made to fit, as whoever can write to the database can do."""
    trail.tamper(
        "DELETE FROM audit_entry WHERE sequence > 8",
        "UPDATE audit_head SET sequence = 8, hash = (SELECT hash FROM audit_entry WHERE sequence = 8)",
    )
    done = trail.run("verify")
    assert done.returncode == Exit.DATA_PROBLEMS
    assert "entries 9 to 10 are missing at the end of the trail" in done.stdout
    assert "checkpoint" in done.stdout


def test_a_checkpoint_kept_elsewhere_outlives_those_in_the_database(trail: Trail, tmp_path: Path):
    made = trail.run("checkpoint")
    assert made.returncode == Exit.OK, made.stderr
    kept = tmp_path / "kept.json"
    kept.write_text(made.stdout)
    assert json.loads(made.stdout)["sequence"] == 20
    assert trail.run("verify", "--checkpoint", str(kept)).returncode == Exit.OK
    trail.tamper(
        "DELETE FROM audit_checkpoint",
        "DELETE FROM audit_entry WHERE sequence > 8",
        "UPDATE audit_head SET sequence = 8, hash = (SELECT hash FROM audit_entry WHERE sequence = 8)",
    )
    (trail.folder / "audit_ledger.sqlite3").unlink()
    trail.key.unlink()
    assert trail.run("verify").returncode == Exit.OK, "nothing in the database shows it"
    done = trail.run("verify", "--checkpoint", str(kept))
    assert done.returncode == Exit.DATA_PROBLEMS
    assert "entries 9 to 20 are missing at the end" in done.stdout


def test_a_checkpoint_by_an_unknown_key_is_told(trail: Trail, tmp_path: Path):
    made = signer(trail.store, tmp_path / "other", SystemClock()).sign()
    assert made is not None
    done = trail.run("verify")
    assert done.returncode == Exit.DATA_PROBLEMS
    assert f"unknown key {made.public_key}" in done.stdout
    kept = tmp_path / "kept.json"
    kept.write_text(made.to_json())
    assert trail.run("verify", "--checkpoint", str(kept)).returncode == Exit.OK, "the auditor knows this signer"


@pytest.mark.slow
def test_two_people_accept_a_history_that_went_back_and_signing_goes_on(trail: Trail):
    words = ("--explanation", "backup of 3 March restored")
    trail.hire()
    assert "nothing to accept" in trail.run("accept-history", *words).stderr
    Forger(trail.database).rebuild(range(9, 100))
    for command in ("checkpoint", "verify"):
        assert trail.run(command).returncode == Exit.DATA_PROBLEMS
    assert trail.run("accept-history", *words, typed=signed("umi", "umi")).returncode == Exit.REFUSED
    assert trail.run("accept-history", "--explanation", "because").returncode == Exit.USAGE
    accepted = trail.run("accept-history", *words, typed=signed("umi", "adi"))
    assert accepted.returncode == Exit.OK, accepted.stderr
    assert json.loads(accepted.stdout)["number"] == 2
    assert trail.run("checkpoint").returncode == Exit.OK
    (entry_of_it,) = [one for one in trail.store.links() if one.action == "AUDIT_HISTORY_ACCEPTED"]
    assert entry_of_it.objects.count("person:") == 2
    assert '"explanation":"backup of 3 March restored"' in entry_of_it.details


@pytest.mark.slow
def test_an_export_holds_the_days_asked_for_and_is_recorded(trail: Trail, tmp_path: Path):
    lines = trail.export("--since", "2026-03-01T05:00:05+00:00", "--until", "2026-03-01T05:00:08+00:00")
    assert lines.returncode == Exit.OK, lines.stderr
    assert [json.loads(line)["sequence"] for line in lines.stdout.splitlines()] == [5, 6, 7]
    out = tmp_path / "march.csv"
    whole = trail.export("--since", "2026-03-01", "--until", "2026-03-01", "--format", "csv", "--out", str(out))
    assert whole.returncode == Exit.OK, whole.stderr
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    with out.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [one["sequence"] for one in rows] == [str(number) for number in range(1, 21)]
    exports = [one for one in trail.store.links() if one.action == "AUDIT_EXPORTED"]
    assert [one.actor for one in exports] == [f"command:{getpass.getuser()}"] * 2
    assert '"format":"csv"' in exports[1].details
    assert exports[1].objects.count("person:") == 2
    assert trail.run("verify").returncode == Exit.OK


@pytest.mark.slow
@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (signed("umi", "umi"), "two different people"),
        (signed("adi", "budi"), "does not have a role that may do this"),
        (signed("umi", "adi", password=OTHER_PASSWORD), "is wrong"),
        (signed("umi"), "Nothing was typed"),
        ("\n", "Nothing was typed"),
    ],
)
def test_an_export_is_signed_by_an_auditor_and_an_administrator(trail: Trail, tmp_path: Path, typed: str, told: str):
    Office(trail.database).hire(person("budi", PersonRole.SUPERVISOR))
    Office(trail.database).hire(person("umi", PersonRole.AUDITOR))
    Office(trail.database).hire(person("adi", PersonRole.ADMINISTRATOR))
    done = trail.export("--out", str(tmp_path / "out.jsonl"), typed=typed)
    assert done.returncode in {Exit.REFUSED, Exit.USAGE}
    assert told in done.stderr
    assert not done.stdout
    assert not (tmp_path / "out.jsonl").exists()
    assert not [one for one in trail.store.links() if one.action == "AUDIT_EXPORTED"]


def test_an_export_does_not_overwrite(trail: Trail, tmp_path: Path):
    out = tmp_path / "there.jsonl"
    out.write_text("of before")
    done = trail.export("--out", str(out))
    assert done.returncode == Exit.FAILED
    assert str(out) in done.stderr
    assert out.read_text() == "of before"


def test_an_import_without_server_is_recorded_with_the_account_that_ran_it(tmp_path: Path):
    data = empty_site(tmp_path / "data")
    days = {"valid_from": "2026-01-01", "valid_until": "2026-06-30", "received_on": "2026-01-01"}
    rows = [row("O-1", **days), row("O-2", subject_id="S-2", **days | {"received_on": "yesterday"})]
    write_orders(tmp_path / "list", rows)
    environment = os.environ | light_environment()
    run_program(
        "server", "watchlist", "import", tmp_path / "list", "--offline", "--data-dir", data, environment=environment
    )
    database = Database(f"sqlite:///{data / 'cekalwatch.sqlite3'}")
    found = list(AuditStore(database).links())
    database.close()
    assert {one.actor for one in found} == {f"command:{getpass.getuser()}"}
    assert [(one.action, one.outcome) for one in found] == [
        ("ORDER_IMPORTED", "RECORD_INVALID"),
        ("ORDER_IMPORTED", "STORED"),
        ("WATCHLIST_IMPORTED", "OK"),
    ]
