"""`cekalwatch-server people` and `threshold` as an administrator runs them, with others at the same keyboard."""

from __future__ import annotations

import getpass
import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.program.errors import Exit
from cekalwatch.server.audit.entry import Action, AuditEntry, Link, operator
from cekalwatch.server.auth.sessions import Device
from cekalwatch.server.learning.learned_threshold import LearnedOffset, LearnedThreshold, SiteFindings
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.models.threshold_store import ThresholdStore
from cekalwatch.vision.manifest import load_pack
from tests.support.scenarios.people import OTHER_PASSWORD, PASSWORD, Office, person, programs_passwords
from tests.support.tools.packs import light_environment, light_pack
from tests.support.tools.programs import run_program


class Machine:
    """The server's machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = Database(f"sqlite:///{folder / 'cekalwatch.sqlite3'}")
        self.database.upgrade()
        self.office = Office(self.database, passwords=programs_passwords())

    def run(self, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        environment = os.environ | light_environment()
        return run_program("server", *arguments, "--data-dir", self.folder, typed=typed, environment=environment)

    def people(self, *arguments: str, typed: str = "") -> str:
        """Run a command that must do as it is told, and return what it prints."""
        done = self.run("people", *arguments, typed=typed)
        assert done.returncode == Exit.OK, done.stderr
        return done.stdout

    def add(self, name: str, *more: str, role: str = "officer") -> str:
        """Add a person, and return the first password."""
        return self.people("add", name, "--display-name", f"Petugas {name}", "--role", role, *more).strip()

    def changes(self) -> list[Link]:
        return self.office.trail(Action.PERSON_ADDED, Action.PERSON_CHANGED)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "data")


@pytest.mark.slow
def test_a_person_is_added_with_a_password_that_is_shown_once_and_must_be_changed(machine: Machine):
    first = machine.add("budi", "--role", "auditor")
    account = machine.office.people.account("budi")
    assert account is not None
    assert account.person.roles == {PersonRole.OFFICER, PersonRole.AUDITOR}
    assert account.person.sites == {"batam-center"}
    assert account.password.must_change
    assert machine.office.provider.identify(machine.office.proof("budi", first)) == account
    listed = machine.people("list")
    assert "budi  first password  AUDITOR OFFICER  at batam-center  Petugas budi" in listed
    assert f"person:{account.person.person_id}" in listed
    assert first not in listed
    (entry,) = machine.changes()
    assert entry.actor == f"command:{getpass.getuser()}"
    assert entry.objects == f'["person:{account.person.person_id}"]'
    assert json.loads(entry.details) == {"gives": "yes", "roles": "AUDITOR OFFICER", "sites": "batam-center"}


def test_who_signs_in_through_the_provider_has_no_password(machine: Machine):
    assert not machine.add("budi", "--openid")
    account = machine.office.people.account("budi")
    assert account is not None
    assert account.password.hash is None


@pytest.mark.slow
def test_what_cannot_be_is_told_and_not_done(machine: Machine):
    machine.add("ani")
    for arguments, told in (
        (("add", "Ｂudi", "--display-name", "B", "--role", "officer"), "a-z"),
        (("add", "budi", "--display-name", "", "--role", "officer"), "display name"),
        (("add", "budi", "--display-name", "B", "--role", "officer", "--site", "Batam Center"), "site"),
        (("add", "ani", "--display-name", "Petugas ani", "--role", "officer"), "looks like it"),
        (("add", "budi", "--display-name", "B", "--role", "boss"), "boss"),
        (("add", "budi", "--display-name", "B"), "--role"),
        (("roles", "nobody", "--role", "officer"), "nobody"),
        (("disable", "nobody"), "nobody"),
        (("reset", "nobody"), "nobody"),
        (("unlock", "nobody"), "nobody"),
    ):
        done = machine.run("people", *arguments)
        assert done.returncode == Exit.USAGE, arguments
        assert told in done.stderr
        assert len(machine.office.people.all()) == len(machine.changes()) == 1, arguments


@pytest.mark.slow
def test_roles_sites_and_whether_somebody_is_let_in_are_changed_and_recorded(machine: Machine):
    machine.add("budi")
    machine.people("roles", "budi", "--role", "supervisor", "--site", "batam-center", "--site", "sekupang")
    machine.people("roles", "budi", "--role", "administrator")
    account = machine.office.people.account("budi")
    assert account is not None
    assert account.person.roles == {PersonRole.ADMINISTRATOR}
    assert account.person.sites == {"batam-center", "sekupang"}
    machine.people("disable", "budi")
    assert "budi  disabled" in machine.people("list")
    machine.people("enable", "budi")
    assert "budi  disabled" not in machine.people("list")
    kinds = [json.loads(entry.details).get("change") for entry in machine.changes()]
    assert kinds == [None, "ROLES", "ROLES", "DISABLED", "ENABLED"]
    assert not [entry for entry in machine.changes() if "budi" in str(entry).replace(getpass.getuser(), "")]


@pytest.mark.slow
def test_a_reset_gives_another_first_password_and_lifts_a_lock(machine: Machine):
    first = machine.add("budi")
    here = Device(operator())
    machine.office.desk.sign_in(machine.office.proof("budi", first), here)
    for _ in range(5):
        machine.office.people.begin_try("budi", machine.office.clock.now(), machine.office.provider._rule)
    second = machine.people("reset", "budi").strip()
    assert second != first
    account = machine.office.provider.identify(machine.office.proof("budi", second))
    assert account.password.must_change


@pytest.mark.slow
def test_wrong_passwords_are_forgotten_on_request(machine: Machine):
    machine.add("budi")
    assert "there were no wrong passwords" in machine.people("unlock", "budi")
    for _ in range(5):
        assert machine.run("people", "password", "budi", typed="wrong\n").returncode == Exit.REFUSED
    locked = machine.run("people", "password", "budi", typed="wrong\n")
    assert "Too many wrong passwords" in locked.stderr
    assert "forgotten" in machine.people("unlock", "budi")
    assert "is wrong" in machine.run("people", "password", "budi", typed="wrong\n").stderr


@pytest.mark.slow
def test_a_first_password_is_changed_here_too(machine: Machine):
    first = machine.add("budi")
    for typed, told in (
        (f"{first}\n{PASSWORD}\n{OTHER_PASSWORD}\n", "differ"),
        (f"{first}\nshort\nshort\n", "12 characters"),
        (f"{OTHER_PASSWORD}\n{PASSWORD}\n{PASSWORD}\n", "wrong"),
        (f"{first}\n", "Nothing was typed"),
    ):
        done = machine.run("people", "password", "budi", typed=typed)
        assert done.returncode
        assert told in done.stderr
    machine.people("password", "budi", typed=f"{first}\n{PASSWORD}\n{PASSWORD}\n")
    account = machine.office.provider.identify(machine.office.proof("budi"))
    assert not account.password.must_change
    with machine.database.engine.connect() as connection:
        # Those that were left before are good on the server's own machine only, and soon run out.
        assert connection.exec_driver_sql("SELECT count(*) FROM person_session").scalar() == 0


def typed(*names: str) -> str:
    return "".join(f"{name}\n{PASSWORD}\n" for name in names)


@pytest.mark.slow
def test_the_threshold_is_set_by_two_who_type_their_passwords(machine: Machine):
    machine.database.upgrade()
    adi = machine.office.hire(person("adi", PersonRole.ADMINISTRATOR)).person
    sari = machine.office.hire(person("sari", PersonRole.SUPERVISOR)).person
    store, model_version = ThresholdStore(machine.database), load_pack(light_pack()).model_version
    for wrong, told in (
        (typed("adi", "adi"), "two different people"),
        (typed("adi"), "Nothing was typed"),
        (typed("adi", "nobody"), "is wrong"),
    ):
        done = machine.run("thresholds", "set", "0.6", typed=wrong)
        assert done.returncode in {Exit.REFUSED, Exit.USAGE}
        assert told in done.stderr
        assert store.get(model_version) is None
    assert machine.run("thresholds", "set", "0.9", typed=typed("adi", "sari")).returncode == Exit.USAGE
    assert machine.run("thresholds", "set", "0.6", typed=typed("adi", "sari")).returncode == Exit.OK
    assert store.get(model_version) == pytest.approx(0.6)
    assert machine.run("thresholds", "clear", typed=typed("sari", "adi")).returncode == Exit.OK
    assert store.get(model_version) is None
    first, _ = machine.office.trail(Action.THRESHOLD_SET)
    assert first.actor == f"command:{getpass.getuser()}"
    assert first.objects == f'["person:{adi.person_id}","person:{sari.person_id}"]'


@pytest.mark.slow
def test_what_a_threshold_learned_is_shown_accepted_and_forgotten_by_two_who_type_their_passwords(machine: Machine):
    machine.database.upgrade()
    adi = machine.office.hire(person("adi", PersonRole.ADMINISTRATOR)).person
    sari = machine.office.hire(person("sari", PersonRole.SUPERVISOR)).person
    store, model_version = ThresholdStore(machine.database), load_pack(light_pack()).model_version
    assert "Nothing was learned yet" in machine.run("thresholds", "learned").stdout
    learned = LearnedThreshold(model_version, LearnedOffset(0.04, "2026-11-26", 0.04), "", SiteFindings.NONE)
    entry = AuditEntry(machine.office.clock.now(), operator(), Action.THRESHOLD_LEARNED)
    assert store.learn(None, learned, entry)
    assert "Too few for a threshold of this site" in machine.run("thresholds", "learned").stdout
    assert machine.run("thresholds", "accept").returncode == Exit.USAGE, "nothing waits"
    waits = replace(learned, findings=replace(SiteFindings.NONE, packs=0.5, waiting=0.07))
    assert store.learn(learned, waits, entry)
    assert "0.5700 waits for two people" in machine.run("thresholds", "learned").stdout
    assert machine.run("thresholds", "accept", typed=typed("adi", "sari")).returncode == Exit.OK
    accepted = store.learned(model_version)
    assert accepted
    assert accepted.offset.value == pytest.approx(0.07)
    assert accepted.waiting is None
    assert machine.run("thresholds", "forget", typed=typed("adi", "adi")).returncode == Exit.REFUSED
    assert store.learned(model_version) == accepted
    assert machine.run("thresholds", "forget", typed=typed("adi", "sari")).returncode == Exit.OK
    after = store.learned(model_version)
    assert after
    assert (after.offset.value, bool(after.forgotten_through)) == (0.0, True)
    (one,) = machine.office.trail(Action.LEARNING_FORGOTTEN)
    assert one.objects == f'["person:{adi.person_id}","person:{sari.person_id}"]'
    assert json.loads(one.details)["forgotten"] == "+0.0700"


@pytest.mark.slow
def test_two_people_add_and_confirm_a_row_of_the_law_after_a_preview(machine: Machine, tmp_path: Path):
    machine.office.hire(person("lina", PersonRole.LIST_MANAGER))
    machine.office.hire(person("sari", PersonRole.SUPERVISOR))
    row = tmp_path / "row.toml"
    row.write_text('kind = "CEGAH"\nholds_from = 2027-01-01\narticle = "UU Contoh"\nterm_months = 3\n', "utf-8")
    lacking = machine.run("law", "preview", str(row))
    assert lacking.returncode == Exit.USAGE
    assert "extension_months: Field required" in lacking.stderr
    with row.open("a", encoding="utf-8") as more:
        more.write('extension_months = 3\nextensions = 1\nunconfirmed = ["term_months"]\n')
    shown = machine.run("law", "preview", str(row))
    assert shown.returncode == Exit.OK, shown.stderr
    assert "0 orders, of which 0 change" in shown.stdout
    both = f"lina\n{PASSWORD}\nsari\n{PASSWORD}\n"
    assert machine.run("law", "add", str(row), typed=f"lina\n{PASSWORD}\nlina\n{PASSWORD}\n").returncode == Exit.REFUSED
    assert machine.run("law", "add", str(row), typed=both).returncode == Exit.OK
    assert machine.run("law", "confirm", "cegah", "2028-01-01", "--counsel", "Contoh", typed=both).returncode == (
        Exit.NO_INPUT
    )
    done = machine.run("law", "confirm", "cegah", "2027-01-01", "--counsel", "Contoh, S.H.", typed=both)
    assert done.returncode == Exit.OK, done.stderr
    (added,) = [one for one in json.loads(machine.run("law", "show", "--json").stdout) if one["article"] == "UU Contoh"]
    assert (added["holds_from"], added["confirmed_by"], added["extensions"]) == ("2027-01-01", "Contoh, S.H.", 1)
    told = [json.loads(link.details) for link in machine.office.trail(Action.LAW_ROW_ADDED)]
    assert [one["confirmed"] for one in told] == ["no", "yes"]


@pytest.mark.slow
def test_two_people_bind_a_group_to_a_role(machine: Machine, tmp_path: Path):
    for name, role in (("adi", PersonRole.ADMINISTRATOR), ("sari", PersonRole.SUPERVISOR)):
        machine.office.hire(person(name, role))
    group, both = "cn=officers,dc=imigrasi,dc=local", f"adi\n{PASSWORD}\nsari\n{PASSWORD}\n"
    bind = ("people", "groups", "bind", group, "--role", "officer", "--site", "batam-center")
    assert machine.run(*bind, typed=both).returncode == Exit.CONFIG  # nothing would follow the group
    secret, config = tmp_path / "directory.secret", tmp_path / "server.toml"
    secret.write_text("rahasia\n")
    secret.chmod(0o600)
    config.write_text(
        f'[directory]\nservers = ["ldaps://127.0.0.1:1"]\naccount = "cn=reader"\npassword_file = "{secret}"\n'
        'people_base = "ou=People"\n'
    )
    settings = ("--config", str(config))
    alone = machine.run(*bind, *settings, typed=f"adi\n{PASSWORD}\nadi\n{PASSWORD}\n")
    assert alone.returncode == Exit.REFUSED
    done = machine.run(*bind, *settings, typed=both)
    assert done.returncode == Exit.OK, done.stderr
    assert group in done.stderr  # both read it
    assert f"OFFICER  at batam-center  {group}" in machine.people("groups", "list", *settings)
    asked = machine.run("people", "groups", "check", *settings)
    assert (asked.returncode, "does not answer in full: 127.0.0.1" in asked.stderr) == (Exit.UNAVAILABLE, True)
    unbind = ("people", "groups", "unbind", group, "--role", "officer")
    assert machine.run(*unbind, *settings, typed=both).returncode == Exit.OK
    assert "No group is bound" in machine.people("groups", "list", *settings)
    assert [one.action for one in machine.office.trail(Action.GROUP_BOUND, Action.GROUP_UNBOUND)] == [
        Action.GROUP_BOUND,
        Action.GROUP_UNBOUND,
    ]


@pytest.mark.slow
def test_two_people_say_which_alerts_hold_a_gate(machine: Machine):
    for name, role in (("adi", PersonRole.ADMINISTRATOR), ("sari", PersonRole.SUPERVISOR)):
        machine.office.hire(person(name, role))
    both, why = f"sari\n{PASSWORD}\nadi\n{PASSWORD}\n", ("--reason", "trial")
    assert machine.run("gates", "set", "new", typed=both).returncode == Exit.USAGE, "without a reason"
    assert machine.run("gates", "set", "closed", *why, typed=both).returncode == Exit.USAGE
    alone = machine.run("gates", "set", "new", *why, typed=f"sari\n{PASSWORD}\nsari\n{PASSWORD}\n")
    assert alone.returncode == Exit.REFUSED
    assert "No alert asks a gate to hold" in machine.run("gates", "show").stdout
    done = machine.run("gates", "set", "new", "referred", "--minutes", "5", *why, typed=both)
    assert done.returncode == Exit.OK, done.stderr
    assert "NEW, REFERRED" in done.stderr  # both read it
    assert "Held by alerts that are NEW, REFERRED, for 5 minutes" in machine.run("gates", "show").stdout
    assert machine.run("gates", "off", "--reason", "fault", typed=both).returncode == Exit.OK
    told = [json.loads(one.details) for one in machine.office.trail(Action.GATES_SET)]
    assert [(one["states"], one["reason"]) for one in told] == [("NEW, REFERRED", "TRIAL"), ("none", "FAULT")]
