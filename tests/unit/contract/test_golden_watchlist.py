"""What the server writes of the list, of imports, synchronisations and ports stays the same, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from google.protobuf.message import Message

from cekalwatch.contract.codec import watchlist as codec
from cekalwatch.contract.codec.federation import CENTRE_MESSAGE, PORT_MESSAGE, PORT_STATUS
from cekalwatch.contract.codec.imports import FILE_ANSWER, RECORD_REPORT, SYNC_RUN, SYNC_STATUS
from cekalwatch.contract.codec.listed_subjects import LOOKALIKE
from cekalwatch.contract.values.agencies import AgencyList, ListedAgency
from cekalwatch.contract.values.federation import (
    HeldAlerts,
    LogPosition,
    LogStart,
    PictureRequest,
    PortHello,
    PortPicture,
    ReportKeepAlive,
    ReportReceipt,
    ReportStart,
    SignOfLife,
    StartReason,
)
from cekalwatch.contract.values.imports import (
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
from cekalwatch.contract.values.orders import (
    OrderFlag,
    OrderGround,
    OrderKind,
    OrderRule,
    OrderStatus,
    PersonStatus,
    RevocationGround,
)
from cekalwatch.contract.values.subjects import ReferenceFace, Subject, TravelDocument
from cekalwatch.contract.values.watchlist import (
    Freshness,
    ImportOutcome,
    LookalikeJudgement,
    LookalikePair,
    PhotoOutcome,
    SourceFreshness,
    SyncOutcome,
)
from cekalwatch.server.alerts.report_receiver import ReportTerms
from cekalwatch.server.audit.entry import Action, Link, ObjectKind
from cekalwatch.server.domain.lookalikes import JudgedPair, PairState, SubjectPair
from cekalwatch.server.domain.orders.ban_order import BanOrder, JudgedOrder, OrderJudgement, SubjectFile
from cekalwatch.server.domain.orders.law_table import SHIPPED
from cekalwatch.server.domain.orders.status_history import StatusChange
from cekalwatch.server.domain.ports import Following, Port, PortState
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.grpc_api.servicers.watchlist import keeping, list_feed, subjects
from cekalwatch.server.storage.watchlist.list_feed import ChangedSubject, StoredReference
from cekalwatch.server.watchlist.browser import SubjectHistory, SubjectView, WatchlistPage
from cekalwatch.server.watchlist.list_feed import ListPosition
from cekalwatch.server.watchlist.lookalikes import FoundLookalikes, shown
from cekalwatch.v1 import watchlist_service_pb2 as pb
from tests.support.builders.watchlist import figures
from tests.support.repository import ROOT

GOLDEN = json.loads((ROOT / "tests/unit/contract/golden_watchlist.json").read_text(encoding="utf-8"))
NOON = datetime(2026, 3, 1, 5, 0, 0, 250_000, tzinfo=UTC)
ALERT = UUID("01a210d1-c675-7147-9ff8-c79e4db1539a")
PERSON = Subject(
    subject_id="S-1",
    name="Contoh  Satu",
    aliases=("Satu", "Cnt. Satu"),
    sex="M",
    place_of_birth="Batam",
    date_of_birth="1980",
    nationality="SGP",
    nik="3171234567890001",
    travel_documents=(TravelDocument("passport", "X1234567", "SGP"), TravelDocument("KITAS", "2C11")),
    address="Jalan Contoh 1",
    occupation="pelaut",
)
ORDER = BanOrder(
    order_id="O-1",
    subject_id="S-1",
    kind=OrderKind.CEGAH,
    requesting_agency="Kejaksaan Agung",
    valid_from=date(2026, 1, 1),
    valid_until=date(2026, 6, 30),
    received_on=date(2025, 12, 30),
    reason="penyidikan",
    decree_number="KEP-1/2026",
    decree_date=date(2025, 12, 29),
    urgent=True,
    extends_order_id="O-0",
    revoked_at=NOON,
    withdrawn_at=NOON + timedelta(hours=1),
    urgent_since=date(2025, 12, 1),
)
REVOKED = replace(
    ORDER,
    ground=OrderGround.NATIONAL_INTEREST,
    person_status=PersonStatus.DEFENDANT,
    revocation_ground=RevocationGround.COURT,
    revocation_reference="12/Pid.Pra/2026/PN Btm",
)
PLAIN = BanOrder(
    order_id="O-2",
    subject_id="S-1",
    kind=OrderKind.TANGKAL,
    requesting_agency="BNN",
    valid_from=date(2026, 1, 1),
    valid_until=date.max,
    received_on=date(2026, 1, 1),
)
INVALID = OrderJudgement(OrderStatus.INVALID, (OrderRule.TERM_TOO_LONG, OrderRule.EXTENSION_GAP))
FLAGGED = OrderJudgement(OrderStatus.ACTIVE, (), (OrderFlag.RENEWED_TOO_LONG,))
FACE = ReferenceFace("R-1", "ab" * 32, figures(), ("NOT_FRONTAL", "BLURRED"), "S-1")
DOUBTFUL = replace(FACE, jpeg=b"jpeg", also_under=("S-7",), warnings=(*FACE.warnings, "ALSO_UNDER"))
FRESH = Freshness.of((SourceFreshness("http:cekal", NOON, stale=False), SourceFreshness("", None, stale=True)), 812)
AGENCIES = AgencyList((ListedAgency("KPK", "Komisi", ("K.P.K.",), shipped=True), ListedAgency("DINAS", "Dinas")))
PAIR = SubjectPair("S-1", "S-2")
JUDGED = JudgedPair(PAIR, LookalikeJudgement.DIFFERENT_PEOPLE, ALERT, NOON, holds=True)
NAMES = {str(ALERT): "Dewi"}
ALIKE = shown(PAIR, PairState("mark", JUDGED), 0.625, NAMES, alike=True)
UNLIKE = shown(PAIR, PairState("m2", None), None, NAMES, alike=False)
REPORT = RecordReport(
    "O-1",
    "S-1",
    ImportOutcome.STORED,
    status=OrderStatus.INVALID,
    broken_rules=INVALID.broken_rules,
    photos=(
        PhotoReport("a.jpg", PhotoOutcome.ENROLLED, None, ("BLURRED",), figures(eye_distance_px=61.5), ("S-9",)),
        PhotoReport("b.jpg", PhotoOutcome.REFUSED, Code.PHOTO_MISSING),
    ),
)
REFUSED = RecordReport("O-2", "S-2", ImportOutcome.REFUSED, Code.RECORD_INVALID, "kind", place="row 7")
PREVIEW = RecordReport("O-3", "S-3", ImportOutcome.UNCHANGED, flags=FLAGGED.flags, added=True, ends=True)
RUN = SyncRun(
    run_id=7,
    source="http:cekal",
    started_at=NOON,
    ended_at=NOON + timedelta(seconds=9),
    whole=False,
    resumed=True,
    counts=SyncCounts(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11),
    outcome=SyncOutcome.FAILED,
    reason=Code.SOURCE_UNAVAILABLE,
    detail="no answer",
    refusals=(SyncRefusal("O-9", Code.RECORD_INVALID, "kind"), SyncRefusal("", Code.PHOTO_MISSING, "photographs")),
    remarks=(SyncRemark("O-8", INVALID.broken_rules, ("S-4", "S-5"), FLAGGED.flags),),
    missing=12,
    held=13,
)
STARTED = SyncRun(8, "folder:/srv/list", NOON)
VIEW = SubjectView(
    subject=PERSON,
    orders=(ORDER, PLAIN),
    judged=(JudgedOrder(ORDER, INVALID, date(2026, 1, 20)), JudgedOrder(PLAIN, FLAGGED, date.max)),
    references=(FACE, replace(FACE, reference_id="R-2", warnings=())),
    stale=frozenset({"R-2"}),
    also_under={"R-1": ("S-7", "S-8")},
    elsewhere=(replace(PLAIN, order_id="O-7", subject_id="S-7"),),
)
EVENT = Link(
    4, "", "", "2026-03-01T05:00:00.250000Z", "person:dewi", Action.ALERT_RAISED,
    json.dumps([ObjectKind.SUBJECT.key("S-1"), ObjectKind.ORDER.key("O-1"), ObjectKind.ORDER.key("O-2")]), "OK",
    json.dumps({"changed": "name reason", "other": 1}),
)  # fmt: skip
HISTORY = SubjectHistory(
    (EVENT, EVENT._replace(details="{}", objects="[]")),
    {"O-1": [StatusChange(None, FLAGGED), StatusChange(NOON, INVALID)]},
)
FILE = SubjectFile(PERSON, (ORDER, PLAIN, replace(ORDER, order_id="O-3", withdrawn_at=None)), (FACE,), unreadable=1)
PORT = Port("batam-center", "server")
FOLLOWING = Following(PORT, "run", "model-1", "0.2.0", server="centre-1", since=NOON, heard_at=NOON)
PORT_STATE = PortState(PORT, "centre-1", NOON, 3, "0.2.0", 77, 4, NOON, FOLLOWING)


def start(position: LogPosition | None, terms: ReportTerms) -> ReportStart:
    """As the servicer says it."""
    return ReportStart(position, terms.heartbeat_period_s, terms.window)


def one_subject() -> Message:
    """A subject with a picture and a look-alike, as it is put together."""
    answer = subjects.one_subject(VIEW)
    subjects.add_lookalike(answer, ALIKE)
    subjects.add_picture(answer, "R-1", b"jpeg")
    return answer


WRITTEN: Mapping[str, Callable[[], Message]] = {
    "order": lambda: codec.ORDER.write(VIEW.judged[0].shown),
    "revoked order": lambda: codec.ORDER.write(REVOKED.shown),
    "plain order": lambda: codec.ORDER.write(VIEW.judged[1].shown),
    "reference": lambda: codec.REFERENCE_FACE.write(DOUBTFUL),
    "freshness": lambda: codec.FRESHNESS.write(FRESH),
    "never fresh": lambda: codec.FRESHNESS.write(Freshness.of((SourceFreshness("", None, stale=True),), 0)),
    "report": lambda: pb.ImportWatchlistResponse(report=RECORD_REPORT.write(REPORT)),
    "refusal": lambda: pb.ImportWatchlistResponse(report=RECORD_REPORT.write(REFUSED)),
    "begun": lambda: FILE_ANSWER.write(FileBegun(12)),
    "file report": lambda: FILE_ANSWER.write(REPORT),
    "file refusal": lambda: FILE_ANSWER.write(REFUSED),
    "preview": lambda: FILE_ANSWER.write(PREVIEW),
    "ended": lambda: FILE_ANSWER.write(FileEnded("d" * 64, ("a.jpg", "b.jpg"), 2)),
    "look-alike": lambda: LOOKALIKE.write(replace(ALIKE, subject_id="S-1")),
    "unlike": lambda: LOOKALIKE.write(UNLIKE),
    "outdated judgement": lambda: LOOKALIKE.write(
        shown(PAIR, PairState("mark", replace(JUDGED, holds=False)), 0.625, NAMES, alike=True)
    ),
    "look-alikes": lambda: subjects.lookalike_page(
        FoundLookalikes((LookalikePair(PERSON, replace(PERSON, subject_id="S-2"), ALIKE),), more=True, waiting=5)
    ),
    "subject": one_subject,
    "subjects": lambda: subjects.subject_page(WatchlistPage((VIEW, replace(VIEW, also_under={})), "S-1")),
    "history": lambda: subjects.history(HISTORY),
    "run": lambda: SYNC_RUN.write(RUN),
    "runs": lambda: keeping.run_page([RUN, STARTED], 2),
    "sync status": lambda: SYNC_STATUS.write(SyncStatus("http:cekal", STARTED, RUN, NOON, RUN, FRESH)),
    "no sync": lambda: SYNC_STATUS.write(SyncStatus("", freshness=FRESH)),
    "list": lambda: list_feed.list_message("state", FRESH, NOON, AGENCIES, SHIPPED.rows[:1]),
    "list page": lambda: list_feed.list_page(
        [ChangedSubject(4, "S-1", FILE, held=True), ChangedSubject(5, "S-2", None, held=False)],
        ListPosition("0123456789abcdef", 3, "S-0"),
        2,
    ),
    "unreadable subject": lambda: list_feed.listed_subject(ChangedSubject(5, "S-2", None, held=True)),
    "photograph": lambda: next(list_feed.reference_pieces(StoredReference(FACE, b"photo", b"jpeg", b"template"))),
    "report start": lambda: CENTRE_MESSAGE.write(start(LogPosition(5, ALERT, NOON), ReportTerms())),
    "first report start": lambda: CENTRE_MESSAGE.write(start(None, ReportTerms(heartbeat_period_s=0.25))),
    "receipt": lambda: CENTRE_MESSAGE.write(ReportReceipt(5)),
    "picture request": lambda: CENTRE_MESSAGE.write(PictureRequest(3, ALERT, "person:dewi")),
    "keep-alive": lambda: CENTRE_MESSAGE.write(ReportKeepAlive()),
    "hello": lambda: PORT_MESSAGE.write(PortHello("0.2.0", pictures_only=True)),
    "log start": lambda: PORT_MESSAGE.write(LogStart(5, StartReason.TOO_OLD)),
    "log goes on": lambda: PORT_MESSAGE.write(LogStart(5)),
    "sign of life": lambda: PORT_MESSAGE.write(SignOfLife(4, NOON)),
    "held": lambda: PORT_MESSAGE.write(HeldAlerts(None, ALERT, (ALERT,))),
    "picture": lambda: PORT_MESSAGE.write(PortPicture(3, b"jpeg")),
    "port": lambda: PORT_STATUS.write(PORT_STATE.status(NOON + timedelta(seconds=5))),
    "silent port": lambda: PORT_STATUS.write(PORT_STATE.status(NOON + timedelta(hours=5))),
    "unknown port": lambda: PORT_STATUS.write(PortState(PORT).status(NOON)),
}


def test_every_golden_message_is_written_still() -> None:
    assert set(GOLDEN) == set(WRITTEN)


@pytest.mark.parametrize("name", WRITTEN)
def test_a_message_is_written_as_it_was(name: str) -> None:
    assert WRITTEN[name]().SerializeToString(deterministic=True).hex() == GOLDEN[name]
