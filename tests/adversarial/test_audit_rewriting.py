"""Whoever can write the database, and cannot read the audit key, rewrites the trail: nobody signs it, and it is seen.

Before, the running server signed the history that was left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from structlog.testing import capture_logs

from cekalwatch.server.audit.checkpoint_ledger import CheckpointLedger, HistoryChange, HistoryChangedError
from cekalwatch.server.audit.checkpoints import Checkpoint, KeptCheckpoint, SigningKey
from cekalwatch.server.storage.audit.checkpoint_signer import EVERY, CheckpointSigner
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.audit.trail_check import TrailCheck
from cekalwatch.server.storage.database import Database
from cekalwatch.server.wiring import audit as audit_wiring
from cekalwatch.v1.operations_service_pb2 import GetStatusRequest
from cekalwatch.v1.operations_service_pb2_grpc import OperationsServiceStub
from cekalwatch.v1.trouble_pb2 import TroubleKind
from tests.support.builders.audit import entry, signer
from tests.support.builders.watchlist import FixedClock
from tests.support.scenarios.audit_forger import Forger
from tests.support.scenarios.server import running, settings
from tests.support.scenarios.sign_in import becomes


@dataclass
class Office:
    """A signer with its key and ledger in a folder, and a trail of 12 entries, signed at 5 and 10."""

    database: Database
    folder: Path
    clock: FixedClock = field(default_factory=FixedClock)

    def __post_init__(self) -> None:
        self.store = AuditStore(self.database)
        self.ledger = CheckpointLedger(self.folder / "audit_ledger.sqlite3")
        self.signer = signer(self.store, self.folder, self.clock)
        self.kept: list[KeptCheckpoint] = []
        for first in (1, 6):
            self.store.append(*map(entry, range(first, first + 5)))
            made = self.signer.sign()
            assert made is not None
            self.kept.append(KeptCheckpoint(made))
        self.store.append(entry(11), entry(12))
        self.signer.sign_if_due()
        self.forger = Forger(self.database)

    def restarted(self) -> CheckpointSigner:
        """The signer of a server that was started again."""
        return signer(self.store, self.folder, self.clock)

    def problems(self, *brought: KeptCheckpoint) -> list[str]:
        """What `audit verify` finds."""
        key = SigningKey.load(self.folder / "audit_key.pem").public_key
        return list(map(str, TrailCheck(self.store, key, self.ledger, brought).problems(iter)))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    if request.param == "sqlite":
        yield from _opened(f"sqlite:///{tmp_path / 'data' / 'test.sqlite3'}", tmp_path)
    else:
        yield from _opened(request.getfixturevalue("postgres_database"), tmp_path)


def _opened(address: str, folder: Path) -> Iterator[Office]:
    database = Database(address)
    try:
        database.upgrade()
        yield Office(database, folder)
    finally:
        database.close()


def cut(*, after: int) -> Callable[[Forger], None]:
    """Remove the end of the trail."""
    return lambda forger: forger.rebuild(range(after + 1, 100))


def without(number: int) -> Callable[[Forger], None]:
    """Remove one entry, and move the others up."""
    return lambda forger: forger.rebuild([number])


def without_checkpoint(number: int) -> Callable[[Forger], None]:
    """Remove one checkpoint."""
    return lambda forger: forger.run(f"DELETE FROM audit_checkpoint WHERE number = {number:d}")  # noqa: S608  # a number


def changed(number: int) -> Callable[[Forger], None]:
    """Change one entry, with its hash and all after it."""
    return all_of(
        lambda forger: forger.run(f"UPDATE audit_entry SET actor = 'x' WHERE sequence = {number:d}"),  # noqa: S608  # a number
        lambda forger: forger.rebuild([]),
    )


def all_of(*attacks: Callable[[Forger], None]) -> Callable[[Forger], None]:
    def several(forger: Forger) -> None:
        for attack in attacks:
            attack(forger)

    return several


ATTACKS: dict[str, tuple[Callable[[Forger], None], HistoryChange]] = {
    "an entry is removed and the chain rebuilt": (without(3), HistoryChange.ENTRY_GONE),
    "an entry is changed and the chain rebuilt": (changed(3), HistoryChange.ENTRY_CHANGED),
    "an entry and every checkpoint are removed": (
        all_of(without(3), Forger.forget_checkpoints),
        HistoryChange.CHECKPOINT_GONE,
    ),
    "only the checkpoints are removed": (Forger.forget_checkpoints, HistoryChange.CHECKPOINT_GONE),
    "an old checkpoint is removed": (without_checkpoint(1), HistoryChange.CHECKPOINT_GONE),
    "the trail is cut before the last checkpoint": (
        all_of(cut(after=4), Forger.forget_checkpoints),
        HistoryChange.CHECKPOINT_GONE,
    ),
    "it is cut behind the last checkpoint": (cut(after=11), HistoryChange.ENTRY_GONE),
    "it and its last checkpoint are cut": (all_of(cut(after=5), without_checkpoint(2)), HistoryChange.CHECKPOINT_GONE),
    "an entry that is not signed yet is changed": (changed(12), HistoryChange.ENTRY_CHANGED),
    "a checkpoint is replaced by another": (
        lambda forger: forger.run("UPDATE audit_checkpoint SET signature = 'x' WHERE number = 2"),
        HistoryChange.CHECKPOINT_CHANGED,
    ),
    "a checkpoint is made up": (
        lambda forger: forger.run(
            "INSERT INTO audit_checkpoint (number, sequence, hash, at, public_key, signature) "
            "SELECT 3, 12, hash, at, public_key, signature FROM audit_checkpoint WHERE number = 2"
        ),
        HistoryChange.CHECKPOINT_CHANGED,
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_rewritten_history_is_not_signed_and_verification_fails(office: Office, attack: str):
    rewrite, change = ATTACKS[attack]
    assert office.problems() == []
    before = office.store.checkpoints()
    rewrite(office.forger)
    office.clock.advance(EVERY)
    for signing in (office.signer, office.restarted()):
        for _ in range(2):
            with pytest.raises(HistoryChangedError) as refused:
                signing.sign_if_due()
            assert refused.value.change is change
        with pytest.raises(HistoryChangedError):
            signing.sign()
    assert [one for one in office.store.checkpoints() if one.valid and one not in before] == []
    assert office.problems(), "verify says so"
    assert office.problems(*office.kept), "and so does it with the auditor's own file"


@pytest.mark.both_databases
def test_entries_are_recorded_all_the_same_and_the_new_ones_are_not_signed_either(office: Office):
    office.forger.rebuild([3])
    office.store.append(entry(13), entry(14))
    assert office.store.head()[0] == 13
    with pytest.raises(HistoryChangedError):
        office.signer.sign()


def test_the_auditors_file_shows_what_who_has_the_key_as_well_has_rewritten(office: Office):
    """With the key and the ledger everything on the machine can be made to fit."""
    office.forger.rebuild([3])
    office.forger.forget_checkpoints()
    (office.folder / "audit_ledger.sqlite3").unlink()
    office.restarted().sign()
    assert office.problems() == []
    found = office.problems(*office.kept)
    assert any("taken out of the database" in one for one in found)
    assert any("not what it was" in one for one in found)


@pytest.mark.parametrize("removed", [False, True], ids=["emptied", "removed"])
def test_a_key_without_its_ledger_signs_nothing(office: Office, removed: bool):
    ledger = office.folder / "audit_ledger.sqlite3"
    ledger.unlink()
    if not removed:
        ledger.touch()
    signing = CheckpointSigner(
        office.store, SigningKey.load(office.folder / "audit_key.pem"), CheckpointLedger(ledger), office.clock
    )
    with pytest.raises(HistoryChangedError, match="LEDGER_GONE"):
        signing.sign()
    assert "is missing or empty" in office.problems()[0]


@pytest.mark.slow
@pytest.mark.parametrize("database_kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
@pytest.mark.both_databases
async def test_a_running_server_refuses_says_so_and_goes_on_recording(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database_kind: str
):
    monkeypatch.setattr(audit_wiring, "SIGN_PERIOD_S", 0.1)
    if database_kind == "sqlite":
        await _attack_a_server(tmp_path, "")
    else:
        await _attack_a_server(tmp_path, request.getfixturevalue("postgres_database"))


async def _attack_a_server(folder: Path, address: str) -> None:
    chosen = settings(folder, database_url=address)
    with capture_logs() as lines:
        async with running(chosen) as server:
            database = Database(chosen.database_address)
            store, forger = AuditStore(database), Forger(database)
            await _until(lambda: bool(store.checkpoints()))
            signed: list[Checkpoint] = store.checkpoints()
            store.append(*map(entry, range(1, 9)))
            await _until(lambda: CheckpointLedger(chosen.audit_ledger_file).seen().sequence >= store.head()[0])
            forger.rebuild([store.head()[0] - 3])
            forger.forget_checkpoints()
            await _until(lambda: any(line["event"] == "audit_history_changed" for line in lines))
            await becomes(lambda: _told(server.channel))
            before = store.head()[0]
            store.append(entry(20))
            assert store.head()[0] == before + 1
        assert signed
        assert store.checkpoints() == [], "nothing is signed, not at the end either"
        key = SigningKey.load(chosen.audit_key_file).public_key
        assert list(TrailCheck(store, key, CheckpointLedger(chosen.audit_ledger_file)).problems(iter))
        database.close()
    assert [line["log_level"] for line in lines if line["event"] == "audit_history_changed"] == ["error"]


async def _told(channel: grpc.aio.Channel) -> bool:
    """Whether status, alarms and health say that the history is another one."""
    operations: Any = OperationsServiceStub(channel)
    status = await operations.GetStatus(GetStatusRequest())
    health: Any = health_pb2_grpc.HealthStub(channel)
    answer = await health.Check(health_pb2.HealthCheckRequest())
    return (
        status.signing.change == HistoryChange.CHECKPOINT_GONE
        and TroubleKind.TROUBLE_KIND_AUDIT_HISTORY_CHANGED in [one.kind for one in status.troubles]
        and answer.status == health_pb2.HealthCheckResponse.NOT_SERVING
    )


async def _until(so: Callable[[], bool]) -> None:
    async def is_so() -> bool:
        return await asyncio.to_thread(so)

    await becomes(is_so)
