"""A signer and its ledger, when programs end halfway, when files are older than each other, and after a restore."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cekalwatch.contract.values.people import PersonRole, TwoPersonAction
from cekalwatch.server.audit.checkpoint_ledger import CheckpointLedger, GivenUp, HistoryChange, HistoryChangedError
from cekalwatch.server.audit.checkpoints import KeptCheckpoint, SigningKey
from cekalwatch.server.audit.entry import stamp
from cekalwatch.server.domain.people import TwoPeople
from cekalwatch.server.storage.audit.checkpoint_signer import CheckpointSigner
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.audit.trail_check import TrailCheck
from cekalwatch.server.storage.database import Database
from tests.support.builders.audit import START, entry, signer
from tests.support.builders.watchlist import FixedClock
from tests.support.scenarios.audit_forger import Forger
from tests.support.scenarios.people import person

BOTH = TwoPeople(
    TwoPersonAction.ACCEPT_AUDIT_HISTORY, person("umi", PersonRole.AUDITOR), person("adi", PersonRole.ADMINISTRATOR)
)
WHY = "backup of 3 March restored"


class Machine:
    """A trail of three entries, signed, with key and ledger in a folder."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.store, self.folder, self.database = AuditStore(database), folder, database
        self.store.append(*map(entry, (1, 2, 3)))
        self.signer().sign()
        self.key = SigningKey.load(folder / "audit_key.pem")
        self.ledger = CheckpointLedger(folder / "audit_ledger.sqlite3", ["file"])

    def signer(self) -> CheckpointSigner:
        return signer(self.store, self.folder, FixedClock())

    def more(self, number: int) -> KeptCheckpoint:
        """One more entry, and the checkpoint at it."""
        self.store.append(entry(number))
        made = self.signer().sign()
        assert made is not None
        return KeptCheckpoint(made)

    def problems(self, *brought: KeptCheckpoint) -> list[str]:
        return list(map(str, TrailCheck(self.store, self.key.public_key, self.ledger, brought).problems(iter)))

    def go_back(self) -> None:
        """Restore the database as it was with three entries and one checkpoint."""
        Forger(self.database).rebuild(range(4, 100))
        Forger(self.database).run("DELETE FROM audit_checkpoint WHERE sequence > 3")


@pytest.fixture
def machine(database: Database, tmp_path: Path) -> Machine:
    return Machine(database, tmp_path / "machine")


def change_of(signing: CheckpointSigner) -> HistoryChange | None:
    found = signing.history_change()
    return found.change if found else None


def test_a_checkpoint_that_the_program_could_not_store_is_stored_at_the_next_start(machine: Machine):
    machine.store.append(entry(4))
    made = machine.key.sign(2, *machine.store.head(), stamp(START))
    assert machine.ledger.put(made)
    assert machine.problems() == [], "a crash is no alarm"
    assert machine.signer().sign() == made
    assert machine.store.checkpoints()[-1] == made
    assert machine.problems() == []


def test_one_that_was_stored_and_not_marked_is_marked(machine: Machine):
    machine.store.append(entry(4))
    made = machine.key.sign(2, *machine.store.head(), stamp(START))
    machine.ledger.put(made)
    machine.store.add_checkpoint(made)
    assert machine.signer().sign() == made
    newest = machine.ledger.newest()
    assert newest is not None
    assert newest.stored


def test_one_that_was_not_stored_is_not_excused_twice(machine: Machine):
    machine.more(4)
    Forger(machine.database).run("DELETE FROM audit_checkpoint WHERE number = 2")
    assert change_of(machine.signer()) is HistoryChange.CHECKPOINT_GONE
    assert "checkpoint 2 of this server's 2 was taken out" in machine.problems()[0]


def test_two_programs_with_one_key_never_sign_one_number_twice(machine: Machine):
    machine.store.append(entry(4))
    first, second = (machine.key.sign(2, *machine.store.head(), stamp(START)) for _ in range(2))
    assert machine.ledger.put(first)
    assert not machine.ledger.put(second)
    assert not machine.ledger.put(machine.key.sign(4, 9, "a" * 64, stamp(START)))


def test_an_older_ledger_takes_over_what_its_key_has_signed(machine: Machine, tmp_path: Path):
    old = tmp_path / "old.sqlite3"
    shutil.copy(machine.folder / "audit_ledger.sqlite3", old)
    newest = machine.more(4)
    shutil.copy(old, machine.folder / "audit_ledger.sqlite3")
    assert machine.signer().sign() == newest.checkpoint
    assert machine.more(5).checkpoint.number == 3
    assert machine.problems() == []


def test_a_restored_backup_is_refused_until_two_people_accept_it(machine: Machine):
    kept = [machine.more(4), machine.more(5)]
    machine.go_back()
    machine.store.append(entry(6))
    found = machine.signer().history_change()
    assert found is not None
    assert found.change is HistoryChange.CHECKPOINT_GONE
    made = machine.signer().accept(found, BOTH, WHY)
    assert made.number == 4, "numbers are not used again"
    assert machine.ledger.given_up() == [GivenUp(2, 3)]
    assert change_of(machine.signer()) is None
    assert machine.more(7).checkpoint.number == 5
    assert machine.problems() == []
    told = machine.problems(*kept)
    assert [one for one in told if "taken out of the database" in one] != [], "the auditor's old file goes on telling"
    (accepted,) = [one for one in machine.store.links() if one.action == "AUDIT_HISTORY_ACCEPTED"]
    assert accepted.objects.count("person:") == 2
    for expected in (f'"explanation":"{WHY}"', '"checkpoints_given_up":2', '"signed_entry":5', '"change":"CHECKPOINT'):
        assert expected in accepted.details


def test_a_key_whose_ledger_is_lost_signs_again_when_two_people_accept_that(machine: Machine):
    newest = machine.more(4)
    (machine.folder / "audit_ledger.sqlite3").unlink()
    signing = CheckpointSigner(machine.store, machine.key, machine.ledger, FixedClock())
    with pytest.raises(HistoryChangedError) as refused:
        signing.sign()
    made = signing.accept(refused.value, BOTH, WHY)
    assert (made.number, made.sequence) == (3, 5)
    assert machine.problems(newest) == []
