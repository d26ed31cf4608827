"""Checkpoints leave the machine as they are made: to a real syslog receiver, a file, an authority of time stamps."""

from __future__ import annotations

import json
import re
import shutil
import socket
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from structlog.testing import capture_logs

from cekalwatch.server.app import Server
from cekalwatch.server.audit.checkpoint_ledger import CheckpointLedger
from cekalwatch.server.audit.checkpoints import Checkpoint, KeptCheckpoint, SigningKey
from cekalwatch.server.audit.destinations import timestamps
from cekalwatch.server.audit.destinations.delivery import CheckpointDelivery, CollectedFile, Destination
from cekalwatch.server.audit.destinations.syslog import SyslogReceiver
from cekalwatch.server.audit.destinations.timestamps import TimestampAuthority, TimestampVerifier
from cekalwatch.server.concurrency.outbox import DeliveryError, DeliveryFailure
from cekalwatch.server.foundation.clock import SystemClock
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.wiring import audit as audit_wiring
from cekalwatch.v1.operations_service_pb2 import GetStatusRequest
from cekalwatch.v1.operations_service_pb2_grpc import OperationsServiceStub
from cekalwatch.v1.trouble_pb2 import TroubleKind
from cekalwatch.wire.identity import DeviceRole
from cekalwatch.wire.tls import TlsFiles
from tests.support.fakes import syslog_receiver, timestamp_authority
from tests.support.fakes.scripted_web import drips_a_head, scripted_web
from tests.support.scenarios.server import running, settings
from tests.support.scenarios.sign_in import becomes
from tests.support.scenarios.site_pki import Site

AT = "2026-03-01T05:00:00.123456Z"
HEADER = re.compile(r"<109>1 (\S+) \S+ cekalwatch-server \d+ audit_checkpoint - (\{.*\})")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site")


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return SigningKey.load_or_create(tmp_path / "audit_key.pem")


@pytest.fixture
def ledger(tmp_path: Path) -> CheckpointLedger:
    made = CheckpointLedger(tmp_path / "audit_ledger.sqlite3", ["file", "syslog"])
    made.begin()
    return made


def signed(key: SigningKey, many: int) -> list[Checkpoint]:
    return [key.sign(number, 10 * number, f"{number:064x}", AT) for number in range(1, many + 1)]


def receiver_files(site: Site) -> TlsFiles:
    return site.device(DeviceRole.SERVER, "collector")


def failure_of(destination: Destination, checkpoints: Sequence[Checkpoint]) -> DeliveryFailure:
    with pytest.raises(DeliveryError) as caught:
        destination.deliver(checkpoints)
    return caught.value.failure


def texts(receiver: syslog_receiver.SyslogReceiver) -> list[str]:
    found = [HEADER.fullmatch(one) for one in receiver.messages]
    assert all(found), receiver.messages
    return [one[2] for one in found if one and one[1] == AT]


def test_a_syslog_receiver_gets_each_checkpoint_in_a_frame_of_its_own(site: Site, key: SigningKey):
    files, made = receiver_files(site), signed(key, 60)
    with syslog_receiver.SyslogReceiver(files) as receiver:
        SyslogReceiver(receiver.address, files.authority, None).deliver(made)
        SyslogReceiver(receiver.address, files.authority, None).deliver(made[:1])
    assert texts(receiver) == [one.to_json() for one in [*made, made[0]]]
    assert receiver.broken_frames == []
    assert all(Checkpoint(**json.loads(text)).valid for text in texts(receiver))


def test_a_receiver_that_does_not_end_tls_has_not_said_that_it_read_anything(site: Site, key: SigningKey):
    files = receiver_files(site)
    with syslog_receiver.SyslogReceiver(files, closes_at_once=True) as receiver:
        sender = SyslogReceiver(receiver.address, files.authority, None)
        assert failure_of(sender, signed(key, 1)) is DeliveryFailure.UNREACHABLE


def test_a_receiver_that_asks_for_a_certificate_gets_one(site: Site, key: SigningKey):
    files, own = receiver_files(site), site.device(DeviceRole.SERVER, "main-2").folder
    with syslog_receiver.SyslogReceiver(files, files.authority) as receiver:
        SyslogReceiver(receiver.address, files.authority, own).deliver(signed(key, 1))
        failure_of(SyslogReceiver(receiver.address, files.authority, None), signed(key, 2))
    assert len(receiver.messages) == 1


def test_a_receiver_of_another_authority_gets_nothing(site: Site, tmp_path: Path, key: SigningKey):
    other = Site(tmp_path / "other")
    with syslog_receiver.SyslogReceiver(receiver_files(other)) as receiver:
        sender = SyslogReceiver(receiver.address, receiver_files(site).authority, None)
        assert failure_of(sender, signed(key, 1)) is DeliveryFailure.NOT_TRUSTED
    assert receiver.messages == []


def test_a_receiver_that_is_away_or_whose_authority_cannot_be_read_is_told_apart(
    site: Site, tmp_path: Path, key: SigningKey
):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    away = SyslogReceiver(address, receiver_files(site).authority, None)
    assert failure_of(away, signed(key, 1)) is DeliveryFailure.UNREACHABLE
    blind = SyslogReceiver(address, tmp_path / "none.pem", None)
    assert failure_of(blind, signed(key, 1)) is DeliveryFailure.FILES_UNREADABLE


def test_the_file_is_appended_to_and_begun_anew_when_it_was_collected(tmp_path: Path, key: SigningKey):
    file, made = tmp_path / "checkpoints.jsonl", signed(key, 3)
    collected = CollectedFile(file)
    collected.deliver(made[:1])
    with file.open("a") as stream:
        stream.write('{"number": 2, "seq')  # the program ended while it wrote
    collected.deliver(made[1:2])
    assert [one.checkpoint for one in KeptCheckpoint.read(file)] == made[:2]
    file.rename(tmp_path / "taken.jsonl")
    collected.deliver(made[2:])
    assert [one.checkpoint for one in KeptCheckpoint.read(file)] == made[2:]
    file.unlink()
    file.mkdir()
    assert failure_of(collected, made) is DeliveryFailure.FILE_NOT_WRITTEN


def test_what_cannot_be_sent_waits_over_a_restart_and_keeps_nothing_else(
    site: Site, tmp_path: Path, key: SigningKey, ledger: CheckpointLedger
):
    files, made = receiver_files(site), signed(key, 3)
    file = CollectedFile(tmp_path / "checkpoints.jsonl")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        away = SyslogReceiver(f"127.0.0.1:{taken.getsockname()[1]}", files.authority, None)
    delivery = CheckpointDelivery(ledger, [away, file], SystemClock())
    with capture_logs() as lines:
        for one in made:
            assert ledger.put(one)
            delivery.deliver()
    assert [line["event"] for line in lines] == ["checkpoints_not_sent"], "told once"
    states = {state.name: (state.waiting, state.failure) for state in delivery.states}
    assert states == {"syslog": (3, DeliveryFailure.UNREACHABLE), "file": (0, "")}
    with syslog_receiver.SyslogReceiver(files) as receiver:
        there = SyslogReceiver(receiver.address, files.authority, None)
        again = CheckpointDelivery(CheckpointLedger(tmp_path / "audit_ledger.sqlite3"), [there, file], SystemClock())
        again.deliver()
        again.deliver()
    assert texts(receiver) == [one.to_json() for one in made]
    assert [state.waiting for state in again.states] == [0, 0]
    assert [one.checkpoint for one in KeptCheckpoint.read(tmp_path / "checkpoints.jsonl")] == made


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[timestamp_authority.TimestampAuthority]:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed, which gives the time stamps")
    with timestamp_authority.timestamp_authority(tmp_path / "tsa") as running:
        yield running


def test_a_time_stamp_proves_when_a_checkpoint_was_there(
    tmp_path: Path, key: SigningKey, authority: timestamp_authority.TimestampAuthority
):
    file, made = tmp_path / "checkpoints.jsonl", signed(key, 2)
    TimestampAuthority(authority.url, authority.root, CollectedFile(file)).deliver(made)
    first, second = KeptCheckpoint.read(file)
    assert [first.checkpoint, second.checkpoint] == made
    verifier = TimestampVerifier(authority.root.read_bytes())
    assert abs(datetime.now(UTC) - verifier.moment(first)) < timedelta(minutes=5)
    for wrong in (KeptCheckpoint(made[0], second.timestamp), KeptCheckpoint(made[0], first.timestamp[:-1] + b"x")):
        with pytest.raises(ValueError, match=r"\w"):
            verifier.moment(wrong)
    for junk in (b"x", b"\x30\x82\xff\xff", b"\x30\x00"):
        with pytest.raises(ValueError, match=r"\w"):
            verifier.moment(KeptCheckpoint(made[0], junk))


def test_a_time_stamp_of_another_authority_is_not_kept(
    tmp_path: Path, key: SigningKey, authority: timestamp_authority.TimestampAuthority
):
    other = timestamp_authority.TimestampAuthority(tmp_path / "other", "")
    file = CollectedFile(tmp_path / "checkpoints.jsonl")
    wrong = TimestampAuthority(authority.url, other.root, file)
    assert failure_of(wrong, signed(key, 1)) is DeliveryFailure.ANSWER_INVALID
    elsewhere = TimestampAuthority(authority.url.replace("/tsa", "/none"), authority.root, file)
    assert failure_of(elsewhere, signed(key, 1)) is DeliveryFailure.ANSWER_INVALID
    assert not (tmp_path / "checkpoints.jsonl").exists()


def test_a_time_stamp_that_never_ends_is_cut_off(tmp_path: Path, key: SigningKey, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(timestamps, "TIMEOUT_S", 0.5)
    roots, over = timestamp_authority.TimestampAuthority(tmp_path / "tsa", "").root, Event()
    begun_s = time.monotonic()
    with scripted_web(drips_a_head(over)) as address:
        endless = TimestampAuthority(address, roots, CollectedFile(tmp_path / "checkpoints.jsonl"))
        assert failure_of(endless, signed(key, 1)) in {DeliveryFailure.TIMED_OUT, DeliveryFailure.UNREACHABLE}
    assert time.monotonic() - begun_s < 10
    over.set()


@pytest.mark.slow
async def test_a_server_tells_that_checkpoints_wait_and_when_they_have_arrived(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(audit_wiring, "SIGN_PERIOD_S", 0.1)
    monkeypatch.setattr(audit_wiring, "DELIVER_PERIOD_S", 0.1)
    files = receiver_files(site)
    receiver = syslog_receiver.SyslogReceiver(files)
    address, authority = receiver.address, tmp_path / "collector.pem"
    authority.write_bytes(b"not the one yet")
    chosen = settings(tmp_path / "data", audit={"syslog": address, "syslog_authorities": authority})
    with receiver:
        async with running(chosen) as server:
            operations: Any = OperationsServiceStub(server.channel)

            async def told(failure: str) -> bool:
                status = await operations.GetStatus(GetStatusRequest())
                states = {one.name: (one.waiting, one.failure) for one in status.signing.destinations}
                waits = TroubleKind.TROUBLE_KIND_AUDIT_CHECKPOINTS_WAITING in [one.kind for one in status.troubles]
                return states == {"file": (0, ""), "syslog": (int(bool(failure)), failure)} and waits is bool(failure)

            await becomes(lambda: told("FILES_UNREADABLE"))
            authority.write_bytes(files.authority.read_bytes())
            await becomes(lambda: told(""))
    assert len(receiver.messages) == 1


async def test_a_servers_checkpoints_are_with_the_auditor_before_it_stops(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(audit_wiring, "SIGN_PERIOD_S", 0.1)
    monkeypatch.setattr(audit_wiring, "DELIVER_PERIOD_S", 0.1)
    files, collected = receiver_files(site), tmp_path / "for-the-auditor.jsonl"
    with syslog_receiver.SyslogReceiver(files) as receiver:
        terms = {"syslog": receiver.address, "syslog_authorities": files.authority, "checkpoint_file": collected}
        chosen = settings(tmp_path / "data", audit=terms)
        async with Server(chosen):

            async def arrived() -> bool:
                return bool(receiver.messages) and collected.exists()

            await becomes(arrived)
            (kept,) = KeptCheckpoint.read(collected)
    database = Database(chosen.database_address)
    assert kept.checkpoint in AuditStore(database).checkpoints()
    assert receiver.messages[0].endswith(kept.checkpoint.to_json())
    database.close()
