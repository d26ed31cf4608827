"""AuditService at a real server: what auditors find, that it is recorded, and what two people give out."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.audit.checkpoints import Checkpoint, KeptCheckpoint
from cekalwatch.server.audit.entry import GENESIS, Action, chain_hash
from cekalwatch.server.domain.people import Person
from cekalwatch.v1 import audit_pb2
from cekalwatch.v1 import audit_service_pb2 as pb
from cekalwatch.v1.audit_service_pb2_grpc import AuditServiceStub
from cekalwatch.wire.identity import DeviceRole
from cekalwatch.wire.tokens import bearer
from tests.support.builders.audit import entry
from tests.support.scenarios.audit_forger import Forger
from tests.support.scenarios.server import reason_of
from tests.support.scenarios.sign_in import Desk, Scene, becomes, refused
from tests.support.scenarios.site_pki import Site

pytestmark = pytest.mark.slow


class Auditor:
    """An auditor, umi, at a console."""

    def __init__(self, desk: Desk, token: str, people: dict[str, Person]) -> None:
        self.desk, self.token, self.people = desk, token, people
        # The generated stubs are typed for one kind of channel only.
        self.stub: Any = AuditServiceStub(desk.channel)

    async def search(self, **fields: Any) -> pb.SearchAuditEntriesResponse:
        request = pb.SearchAuditEntriesRequest(**fields)
        answer: pb.SearchAuditEntriesResponse = await self.stub.SearchAuditEntries(request, metadata=bearer(self.token))
        return answer

    async def verify(self) -> list[pb.VerifyAuditTrailResponse]:
        answers = self.stub.VerifyAuditTrail(pb.VerifyAuditTrailRequest(), metadata=bearer(self.token))
        return [answer async for answer in answers]

    async def export(self, request: pb.ExportAuditEntriesRequest, word: str) -> tuple[bytes, pb.AuditExportEnd]:
        answers = self.stub.ExportAuditEntries(request, metadata=bearer(self.token, word))
        parts = [answer async for answer in answers]
        return b"".join(one.data for one in parts[:-1]), parts[-1].end


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    site = Site(tmp_path)
    found = Scene(site, site.settings())
    found.office.audit.append(*map(entry, range(1, 30)))
    return found


@pytest.fixture
async def umi(scene: Scene) -> AsyncIterator[Auditor]:
    roles = {"umi": PersonRole.AUDITOR, "adi": PersonRole.ADMINISTRATOR, "sari": PersonRole.SUPERVISOR}
    people = {name: scene.hire(name, role) for name, role in roles.items()}
    async with scene.served(), scene.desk("console", DeviceRole.CONSOLE) as desk:
        yield Auditor(desk, await desk.sign_in("umi"), people)


async def test_an_auditor_finds_what_somebody_did_and_that_is_recorded(scene: Scene, umi: Auditor) -> None:
    await umi.desk.sign_in("sari")
    key = str(umi.people["sari"].person_id)
    for who in ("sari", "SARI", key):
        found = await umi.search(person=who, action="SIGNED_IN")
        assert [one.action for one in found.entries] == ["SIGNED_IN"]
        assert {one.person_id: one.display_name for one in found.people} == {key: umi.people["sari"].display_name}
    noted = scene.trail(Action.AUDIT_SEARCHED)[-1]
    assert json.loads(noted.objects) == [f"person:{key}"]
    assert noted.actor.startswith(f"person:{umi.people['umi'].person_id}@")
    assert json.loads(noted.details) == {"done": "SIGNED_IN", "asked": 1, "entries": 1}


async def test_what_was_typed_and_is_no_key_goes_into_no_entry(scene: Scene, umi: Auditor) -> None:
    assert not (await umi.search(subject_id="Contoh Satu", outcome="CONTOH")).entries
    assert await refused(umi.search(person="contoh")) == "PERSON_UNKNOWN"
    assert json.loads(scene.trail(Action.AUDIT_SEARCHED)[-1].details) == {"asked": 1, "entries": 0}
    assert not [one for one in scene.trail() if "ontoh" in "".join(map(str, one)).lower()]


async def test_pages_follow_each_other_and_wrong_questions_are_refused(umi: Auditor) -> None:
    first = await umi.search(action="SUBJECT_VIEWED", page_size=20)
    second = await umi.search(action="SUBJECT_VIEWED", page_size=20, page_token=first.next_page_token)
    sequences = [one.sequence for page in (first, second) for one in page.entries]
    assert sequences == list(range(29, 0, -1))
    assert not second.next_page_token
    early, late = Timestamp(seconds=1), Timestamp(seconds=2)
    for wrong, code in (
        ({"page_size": 101}, "ARGUMENT_INVALID"),
        ({"action": "NOTHING"}, "ARGUMENT_INVALID"),
        ({"outcome": "not a code"}, "ARGUMENT_INVALID"),
        ({"subject_id": "x" * 65}, "ARGUMENT_INVALID"),
        ({"start_time": late, "end_time": early}, "ARGUMENT_INVALID"),
        ({"start_time": Timestamp(seconds=10**15)}, "ARGUMENT_INVALID"),
        ({"page_token": "1-2-3"}, "PAGE_TOKEN_INVALID"),
    ):
        assert await refused(umi.search(**wrong)) == code, wrong


async def test_one_entry_is_shown_in_full_with_what_signs_it(scene: Scene, umi: Auditor) -> None:
    async def get(sequence: int) -> pb.GetAuditEntryResponse:
        answer: pb.GetAuditEntryResponse = await umi.stub.GetAuditEntry(
            pb.GetAuditEntryRequest(sequence=sequence), metadata=bearer(umi.token)
        )
        return answer

    async def is_signed() -> bool:
        return (await get(3)).HasField("checkpoint")

    await becomes(is_signed)
    found = await get(3)
    assert found.entry.objects == ["subject:S-3"]
    assert found.hash == list(scene.office.audit.links())[2].hash
    assert found.checkpoint.sequence >= 3
    assert await refused(get(10**9)) == "AUDIT_ENTRY_NOT_FOUND"


async def test_a_check_tells_how_far_it_is_and_what_it_found(scene: Scene, umi: Auditor) -> None:
    *progress, last = await umi.verify()
    assert progress
    assert last.verdict.entries >= 29
    assert not last.verdict.problems
    Forger(scene.database).run("UPDATE audit_entry SET outcome = 'x' WHERE sequence BETWEEN 5 AND 20")
    found = (await umi.verify())[-1].verdict.problems
    assert [(one.kind, one.first) for one in found] == [
        (audit_pb2.AUDIT_PROBLEM_KIND_CHANGED, place) for place in range(5, 13)
    ]
    shown = await umi.search(action="SUBJECT_VIEWED", page_size=100)
    assert {one.sequence for one in shown.entries if one.damaged} == set(range(5, 21))
    noted = scene.trail(Action.AUDIT_VERIFIED)[-1]
    assert (noted.outcome, json.loads(noted.details)["problems"]) == ("TAMPERED", 16)


async def test_two_people_export_whole_entries_with_a_checkpoint_that_signs_them(scene: Scene, umi: Auditor) -> None:
    request = pb.ExportAuditEntriesRequest()
    word = await umi.desk.countersign("adi", umi.token, request)
    data, end = await umi.export(request, word)
    lines = [json.loads(line) for line in data.decode().splitlines()]
    assert len(lines) == end.entries
    last = GENESIS
    for one in lines:
        texts = [
            one["at"],
            one["actor"],
            one["action"],
            json.dumps(one["objects"], separators=(",", ":")),
            one["outcome"],
            json.dumps(one["details"], separators=(",", ":"), sort_keys=True),
        ]
        last = chain_hash(last, texts)
        assert one["hash"] == last
    checkpoint: Checkpoint = KeptCheckpoint.of(end.checkpoint).checkpoint
    assert checkpoint.valid
    assert checkpoint.hash == lines[checkpoint.sequence - 1]["hash"]
    noted = scene.trail(Action.AUDIT_EXPORTED)[-1]
    both = {f"person:{umi.people[name].person_id}" for name in ("umi", "adi")}
    assert set(json.loads(noted.objects)) == both
    assert noted.hash in {one["hash"] for one in lines}, "its own entry is among them"


async def test_an_export_needs_an_administrator_beside_and_just_for_it(scene: Scene, umi: Auditor) -> None:
    request = pb.ExportAuditEntriesRequest(format=pb.AUDIT_EXPORT_FORMAT_CSV)
    assert await refused(umi.export(request, "")) == "SECOND_PERSON_NEEDED"
    for name, code in (("sari", "PERSON_ROLE_NEEDED"), ("umi", "SAME_PERSON_TWICE")):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await umi.export(request, await umi.desk.countersign(name, umi.token, request))
        assert reason_of(caught.value) == code
    word = await umi.desk.countersign("adi", umi.token, request)
    assert await refused(umi.export(pb.ExportAuditEntriesRequest(), word)) == "SECOND_PERSON_ELSEWHERE"
    assert not scene.trail(Action.AUDIT_EXPORTED)
