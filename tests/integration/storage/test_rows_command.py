"""`cekalwatch-server rows`: which rows somebody else has written, and how two people accept them."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.program.errors import Exit
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.domain.people import Person
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.database import Database
from tests.support.builders.keys import open_keys
from tests.support.scenarios.intruder import Intruder
from tests.support.scenarios.people import PASSWORD, Office, person, programs_passwords
from tests.support.scenarios.server import settings
from tests.support.tools.programs import run_program

BOTH = f"umi\n{PASSWORD}\nadi\n{PASSWORD}\n"


class Machine:
    """The server's machine, with an auditor, an administrator and an officer."""

    def __init__(self, folder: Path) -> None:
        self.settings: ServerSettings = settings(folder)
        self.office = self.opened()
        self.office.hire(person("umi", PersonRole.AUDITOR))
        self.office.hire(person("adi", PersonRole.ADMINISTRATOR))
        self.officer: Person = self.office.hire(person("budi")).person

    def opened(self) -> Office:
        """The office as a program sees it that starts now."""
        database = Database(self.settings.database_address)
        open_keys(database)
        return Office(database, passwords=programs_passwords())

    def run(self, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        return run_program("server", "rows", *arguments, "--data-dir", self.settings.data_dir, typed=typed)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.slow
def test_changed_rows_are_named_and_count_once_two_people_accept_them(machine: Machine):
    done = machine.run("check")
    assert (done.returncode, done.stdout) == (Exit.OK, ""), done.stderr
    Intruder(machine.settings).run("UPDATE person SET sites = '[\"sekupang\"]' WHERE sign_in_name = 'budi'")
    named = f"person/{machine.officer.person_id}"
    done = machine.run("check")
    assert (done.returncode, done.stdout) == (Exit.DATA_PROBLEMS, f"{named}  CHANGED\n"), done.stderr
    assert machine.opened().people.account("budi") is None
    done = machine.run("accept", "--row", named, typed=BOTH)
    assert done.returncode == Exit.OK, done.stderr
    found = machine.opened().people.account("budi")
    assert found is not None
    assert found.person.sites == {"sekupang"}
    (entry,) = machine.office.trail(Action.ROWS_ACCEPTED)
    assert f'"row:{named}"' in entry.objects
    assert entry.objects.count("person:") == 2
    assert machine.run("check").returncode == Exit.OK


@pytest.mark.slow
def test_rows_of_a_backup_are_put_back_until_two_people_accept_them(machine: Machine):
    intruder = Intruder(machine.settings)
    backup = intruder.rows("person")
    machine.office.people.change(replace(machine.officer, disabled=True), machine.office.entry(Action.PERSON_CHANGED))
    assert machine.run("check").returncode == Exit.OK, "the command has seen the newer row"
    intruder.put_back("person", backup)
    done = machine.run("check")
    assert done.stdout == f"person/{machine.officer.person_id}  PUT_BACK\n"
    assert machine.run("accept", typed=BOTH).returncode == Exit.OK
    assert machine.run("check").returncode == Exit.OK


@pytest.mark.slow
def test_a_person_who_was_removed_is_missed_until_two_people_accept_it(machine: Machine):
    assert machine.run("check").returncode == Exit.OK
    Intruder(machine.settings).run("DELETE FROM person WHERE sign_in_name = 'budi'")
    assert machine.run("check").stdout == f"person/{machine.officer.person_id}  REMOVED\n"
    assert machine.run("accept", typed=BOTH).returncode == Exit.OK
    assert machine.run("check").returncode == Exit.OK


@pytest.mark.slow
def test_one_person_accepts_nothing(machine: Machine):
    Intruder(machine.settings).run("UPDATE person SET sites = '[]' WHERE sign_in_name = 'budi'")
    done = machine.run("accept", typed=f"umi\n{PASSWORD}\numi\n{PASSWORD}\n")
    assert done.returncode == Exit.REFUSED
    assert machine.run("check").returncode == Exit.DATA_PROBLEMS


@pytest.mark.slow
def test_what_was_seen_cannot_be_rewritten(machine: Machine):
    machine.run("check")
    file = machine.settings.seen_versions_file
    file.write_text(file.read_text().replace('"rows": "[', '"rows": "[ '))
    done = machine.run("check")
    assert done.returncode == Exit.CONFIG
    assert "seen_versions.json" in done.stderr
