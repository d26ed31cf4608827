"""What auditors get of the trail is written byte for byte as it was, and what they ask is refused where it was."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from cekalwatch.contract.codec.audit import CHECK, ENTRY, ENTRY_PAGE, FULL_ENTRY, QUERY
from cekalwatch.contract.engine.scalars import Reading, Refused
from cekalwatch.contract.values.audit import (
    TrailCheckpoint,
    TrailProblem,
    TrailProblemKind,
    TrailProgress,
    TrailQuery,
    TrailVerdict,
)
from cekalwatch.server.audit.checkpoints import Checkpoint
from cekalwatch.server.audit.entry import Link, chain_hash
from cekalwatch.server.audit.search_terms import Position
from cekalwatch.server.grpc_api.audit_answers import full_entry, search_page, shown_entry
from cekalwatch.server.storage.audit.search import AuditPage
from cekalwatch.v1 import audit_pb2
from cekalwatch.v1 import audit_service_pb2 as pb
from cekalwatch.wire.bounds import MAX_WORD

GOLDEN = json.loads(Path(__file__).with_name("golden_audit.json").read_text(encoding="utf-8"))
NOON = datetime(2026, 11, 29, 12, 0, 0, 250_000, tzinfo=UTC)
PERSON = UUID("00000000-0000-0000-0000-000000000005")


def link(sequence: int, objects: str = '["alert:1", "subject:S-1"]') -> Link:
    actor = f"person:{PERSON}@batam-center/pc-1"
    texts = ("2026-11-29T12:00:00.250000Z", actor, "ALERT_VIEWED", objects, "OK", '{"n": 3, "to": "x"}')
    return Link(sequence, "aa", chain_hash("aa", texts), *texts)


SHORT, LONG = link(5), link(6, json.dumps([f"alert:{number}" for number in range(25)]))
DAMAGED = Link(7, "aa", "bb", "no time", None, "X", "no list", 3, "no object")  # type: ignore[arg-type]  # as stored
NAMES = {str(PERSON): "Siti Rahma"}
MARK = Checkpoint(2, 9, "cc", "2026-11-29T13:00:00.000000Z", "key", "signature")
FOUND = tuple((Position(one.sequence * 1_000_000, one.sequence), one) for one in (LONG, SHORT, DAMAGED))
PROBLEMS = tuple(TrailProblem(kind, 1, 2, "words") for kind in TrailProblemKind)
WRITTEN: dict[str, Message] = {
    "entries": search_page(AuditPage(FOUND, Position(5_000_000, 5), complete=False), NAMES),
    "entries, the last": search_page(AuditPage((FOUND[1],), None, complete=True), {}),
    "entry": FULL_ENTRY.write(full_entry(SHORT, MARK, NAMES)),
    "entry, damaged": FULL_ENTRY.write(full_entry(DAMAGED, None, {})),
    "verdict": CHECK.write(TrailVerdict(12, 9, PROBLEMS, ("a", "b"))),
    "verdict, whole": CHECK.write(TrailVerdict(12, 0, (), ())),
}


def test_every_message_has_its_golden_bytes() -> None:
    assert WRITTEN.keys() == GOLDEN.keys()


@pytest.mark.parametrize("name", WRITTEN)
def test_a_message_is_written_as_it_was(name: str) -> None:
    assert WRITTEN[name].SerializeToString(deterministic=True).hex() == GOLDEN[name]


def test_a_page_is_read_as_it_was_written() -> None:
    answer = search_page(AuditPage(FOUND, Position(5_000_000, 5), complete=False), NAMES)
    found = ENTRY_PAGE.read(answer)
    assert found.entries == tuple(shown_entry(one, 20) for one in (LONG, SHORT, DAMAGED))
    assert [one.object_count for one in found.entries] == [25, 2, 0]
    assert [one.damaged for one in found.entries] == [False, False, True]
    assert (found.token, found.looked_back_to) == ("5000000-5", datetime(1970, 1, 1, 0, 0, 5, tzinfo=UTC))
    assert found.names == {str(PERSON): "Siti Rahma"}


def test_an_entry_is_read_with_the_checkpoint_that_signs_it() -> None:
    signed = FULL_ENTRY.read(FULL_ENTRY.write(full_entry(SHORT, MARK, NAMES)))
    assert signed == full_entry(SHORT, MARK, NAMES)
    assert signed.checkpoint == TrailCheckpoint(2, 9, MARK.signed_at, "key")
    damaged = FULL_ENTRY.read(FULL_ENTRY.write(full_entry(DAMAGED, None, {})))
    assert (damaged.checkpoint, damaged.entry.at, damaged.entry.actor) == (None, None, "None")


def test_texts_of_entries_are_made_safe() -> None:
    message = ENTRY.write(shown_entry(SHORT))
    message.action, message.objects[0] = "ALERT\u202e_VIEWED\n", "alert:\x071"
    message.details["t\ro"] = "a\tb"
    found = ENTRY.read(message)
    details = {"n": "3", "to": "x", "t o": "a b"}
    assert found == replace(shown_entry(SHORT), objects=("alert:1", "subject:S-1"), details=details)


def test_a_check_tells_how_far_it_is_and_what_a_newer_server_finds() -> None:
    assert CHECK.read(CHECK.write(TrailProgress(3, 9))) == TrailProgress(3, 9)
    assert CHECK.read(pb.VerifyAuditTrailResponse()) is None
    problem = audit_pb2.AuditProblem(kind=999, first=3, last=4)  # type: ignore[arg-type]  # a newer kind
    verdict = pb.AuditVerdict(entries=4, signed_entry=2, problems=[problem], trusted_keys=["a"])
    found = CHECK.read(pb.VerifyAuditTrailResponse(verdict=verdict))
    assert found == TrailVerdict(4, 2, (TrailProblem(None, 3, 4),), ("a",))


def test_a_search_is_read_as_it_is_asked() -> None:
    query = TrailQuery("siti", "S-1", "A-1", "ALERT_VIEWED", "PERSON_ROLE_NEEDED", NOON, NOON)
    assert QUERY.read(QUERY.write(query), Reading.STRICT) == query
    assert QUERY.read(pb.SearchAuditEntriesRequest(page_size=7, page_token="x"), Reading.STRICT) == TrailQuery()
    odd = pb.SearchAuditEntriesRequest(person="si\x07ti", action="NOTHING OF THE KIND")
    assert QUERY.read(odd, Reading.STRICT) == TrailQuery(person="si\x07ti", action="NOTHING OF THE KIND")


@pytest.mark.parametrize(
    ("field", "content"),
    [
        ("person", "x" * (MAX_WORD + 1)),
        ("subject_id", "x" * (MAX_WORD + 1)),
        ("subject_id", "S\n1"),
        ("alert_id", "x" * (MAX_WORD + 1)),
        ("alert_id", "\u202e"),
        ("outcome", "ok"),
        ("outcome", "X" * (MAX_WORD + 1)),
        ("outcome", "OK\n"),
        ("start_time", Timestamp(seconds=2**60)),
        ("end_time", Timestamp(seconds=-(2**60))),
    ],
)
def test_a_search_out_of_its_bounds_is_refused_with_its_field(field: str, content: object) -> None:
    request = pb.SearchAuditEntriesRequest(**{field: content})  # type: ignore[arg-type]  # as each field is
    with pytest.raises(Refused) as refused:
        QUERY.read(request, Reading.STRICT)
    assert refused.value.field == field
