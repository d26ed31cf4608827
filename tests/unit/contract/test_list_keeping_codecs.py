"""Reports of imports, synchronisations and subjects of the list are read as they were written, and cleaned."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cekalwatch.contract.codec.imports import (
    FILE_ANSWER,
    RECORD_REPORT,
    SYNC_RUN,
    SYNC_STATUS,
    stated_order,
    stated_subject,
)
from cekalwatch.contract.codec.listed_subjects import (
    LISTED_SUBJECT,
    LOOKALIKE,
    SUBJECT_TIMELINE,
    WATCHLIST_FILTER,
)
from cekalwatch.contract.codec.watchlist import ORDER, SUBJECT
from cekalwatch.contract.engine.scalars import Reading, Refused
from cekalwatch.contract.values.imports import (
    FileAnswer,
    FileBegun,
    FileEnded,
    PhotoReport,
    RecordReport,
    SyncCounts,
    SyncRefusal,
    SyncRemark,
    SyncRun,
    SyncStatus,
)
from cekalwatch.contract.values.orders import OrderStatus
from cekalwatch.contract.values.subjects import FaceFigures, ReferenceFace
from cekalwatch.contract.values.watchlist import (
    NEVER_FRESH,
    ImportOutcome,
    ListedSubject,
    Lookalike,
    LookalikeJudgement,
    OrderStatusChange,
    PhotoOutcome,
    SubjectEvent,
    SubjectTimeline,
    SyncOutcome,
    WatchlistFilter,
    WatchlistProblem,
)
from cekalwatch.server.watchlist.imports.records import RecordError, build_order, build_subject
from cekalwatch.v1 import sync_pb2, watchlist_pb2
from cekalwatch.v1 import watchlist_service_pb2 as pb
from tests.support.builders.watchlist import order, subject

NOON = datetime(2026, 3, 1, 5, tzinfo=UTC)
FIGURES = FaceFigures(61.5, -4.0, 2.0, 0.5, 0.25, 0.75, 2)
PHOTOS = (
    PhotoReport("a  b.jpg", PhotoOutcome.ENROLLED, None, ("BLURRED",), FIGURES, ("S-9",)),
    PhotoReport("c.jpg", PhotoOutcome.REFUSED, "PHOTO_MISSING"),
)
REPORT = RecordReport("O-1", "S-1", ImportOutcome.STORED, status=OrderStatus.ACTIVE, flags=("A",), photos=PHOTOS)
REFUSED = RecordReport("O  2", "S-2", ImportOutcome.REFUSED, "RECORD_INVALID", "kind", place="row 7", ends=True)
RUN = SyncRun(
    7, "http:cekal", NOON, NOON + timedelta(seconds=9), counts=SyncCounts(*range(1, 12)), outcome=SyncOutcome.SHRUNK,
    refusals=(SyncRefusal("O-9", "RECORD_INVALID", "kind"),), remarks=(SyncRemark("O-8", ("A",), ("S-4",), ("B",)),),
    missing=12, held=13,
)  # fmt: skip
ALIKE = Lookalike("S-2", 0.625, alike=True, judgement=LookalikeJudgement.SAME_PERSON, judged_at=NOON, mark="mark  1")


@pytest.mark.parametrize("told", [FileBegun(12), REPORT, REFUSED, FileEnded("d" * 64, ("a.jpg",), 7)])
def test_what_is_told_of_a_list_file_is_read_as_it_was_written(told: FileAnswer) -> None:
    sent = pb.ImportListFileResponse.FromString(FILE_ANSWER.write(told).SerializeToString())
    assert FILE_ANSWER.read(sent) == told


def test_what_only_a_newer_server_tells_of_a_file_is_nothing() -> None:
    assert FILE_ANSWER.read(pb.ImportListFileResponse()) is None


def test_a_report_of_a_newer_server_is_read_with_what_is_known_of_it() -> None:
    message: Any = RECORD_REPORT.write(REPORT)
    message.outcome = message.status = message.photos[0].outcome = 77
    message.flags.append("NEW\x1b[2J")
    found = RECORD_REPORT.read(message)
    assert (found.outcome, found.status, found.photos[0].outcome) == (None, None, None)
    assert (found.flags, found.photos[0].figures) == (("A", "NEW[2J"), FIGURES)


def test_facts_are_read_as_they_stand_for_the_checks_of_imports() -> None:
    person = subject(aliases=("A",), travel_documents=())
    assert build_subject(**stated_subject(SUBJECT.write(person))) == person
    ban = order(revoked_at=NOON, urgent=True)
    message = ORDER.write(ban.shown)
    assert build_order(**stated_order(message)) == ban
    message.revoked_time.seconds = 2**60
    with pytest.raises(RecordError) as refused:
        build_order(**stated_order(message))
    assert refused.value.field == "revoked_at"
    message.kind = 77  # type: ignore[assignment]  # a newer member
    with pytest.raises(RecordError, match="kind"):
        build_order(**stated_order(message))
    assert stated_subject(watchlist_pb2.Subject(name="a\x1b  b"))["name"] == "a\x1b  b"


def test_a_synchronisation_is_read_as_it_was_written() -> None:
    assert SYNC_RUN.read(SYNC_RUN.write(RUN)) == RUN
    status = SyncStatus("http:cekal", None, RUN, NOON, RUN, NEVER_FRESH)
    assert SYNC_STATUS.read(SYNC_STATUS.write(status)) == status


def test_a_run_of_a_newer_server_has_an_outcome_that_nobody_knows() -> None:
    run = sync_pb2.SyncRun(outcome=77, detail="x" * 400, reason="NEW_CODE")  # type: ignore[arg-type]  # a newer member
    found = SYNC_RUN.read(run)
    assert (found.outcome, len(found.detail), found.reason) == (None, 300, "NEW_CODE")
    assert SYNC_STATUS.read(pb.GetSyncStatusResponse()) == SyncStatus("")


def test_a_subject_of_the_list_is_read_as_it_was_written() -> None:
    face = ReferenceFace("R  1", "ab", FIGURES, ("BLURRED",), jpeg=b"jpeg")
    elsewhere = (order("O-7", subject_id="S-7").shown,)
    whole = ListedSubject(subject(), (order().shown,), (face,), frozenset({"R  1", "R-2"}), elsewhere, (ALIKE,))
    assert LISTED_SUBJECT.read(LISTED_SUBJECT.write(whole)) == whole
    event = SubjectEvent(NOON, "ALERT_RAISED", ("O-1",), "OK", "person:dewi", ("name",))
    change = OrderStatusChange(OrderStatus.INVALID, ("TERM_TOO_LONG",), order_id="O-1", at=None)
    timeline = SubjectTimeline((event,), (change,))
    assert SUBJECT_TIMELINE.read(SUBJECT_TIMELINE.write(timeline)) == timeline


def test_a_judgement_that_only_a_newer_server_knows_is_none_yet() -> None:
    message: Any = LOOKALIKE.write(ALIKE)
    message.judgement = message.last_judgement = 77
    message.ClearField("likeness")
    found = LOOKALIKE.read(message)
    assert (found.judgement, found.last_judgement) == (LookalikeJudgement.NOT_JUDGED, None)
    assert found.likeness is None


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"text": "x" * 201}, "text"),
        ({"agency": "a\nb"}, "agency"),
        ({"status": 77}, "status"),
        ({"kind": 77}, "kind"),
        ({"problem": 77}, "problem"),
    ],
)
def test_a_filter_out_of_its_bounds_is_refused_with_its_field(asked: dict[str, Any], field: str) -> None:
    with pytest.raises(Refused) as refused:
        WATCHLIST_FILTER.read(pb.SubjectFilter(**asked), Reading.STRICT)
    assert refused.value.field == field


def test_a_filter_asks_for_what_was_asked() -> None:
    wanted = WatchlistFilter(OrderStatus.ACTIVE, None, "x" * 200, problem=WatchlistProblem.FLAGGED, text="budi")
    assert WATCHLIST_FILTER.read(WATCHLIST_FILTER.write(wanted), Reading.STRICT) == wanted
    assert WATCHLIST_FILTER.read(pb.SubjectFilter(), Reading.STRICT).everything
